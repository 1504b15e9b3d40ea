"""Control-plane nodes as kubeadm leaves them, of one cluster, each with a real etcd of its own.

On every node a kubelet of ours (node_kubelet.sh) runs etcd as its manifest says, in a root directory without a shell,
and a crictl of ours (node_crictl.sh) reaches it. The data come from the real cluster whose snapshot is in tests/data.
"""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from builders.kubeadm_files import (
    ENCRYPTION,
    KUBELET_CONFIG,
    MANIFESTS,
    Authorities,
    Member,
    apiserver_manifest,
    encryption_config,
    etcd_manifest,
    kubeconfig,
    kubelet_files,
    pki,
)
from builders.node import Node
from builders.real_etcd import real_snapshot, two_free_ports
from builders.waiting import wait_for
from holdfast.errors import HoldfastError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.etcd_writer import EtcdWriter
from holdfast.models.credentials import EtcdTls

DATA = "/var/lib/etcd"
_HERE = Path(__file__).parent
_MANIFEST = f"{MANIFESTS}/etcd.yaml"
_ASIDE = "/etc/kubernetes/etcd.yaml"
_BOOT = f"#!/bin/sh\nexec /usr/local/bin/kubelet --config={KUBELET_CONFIG} --node-ip=127.0.0.1\n"


class KubeadmNode(Node):
    """`member` is what runs here. `encryption_key` is what the API server would encrypt Secrets with, None without."""

    def __init__(
        self,
        folder: Path,
        name: str,
        member: Member,
        authorities: Authorities,
        *,
        encryption_key: bytes | None = None,
        **options: Any,
    ) -> None:
        super().__init__(folder, name, **options)
        self.member = member
        self.encryption_key = encryption_key
        files = pki(authorities, name) | kubelet_files()
        for each in ("admin", "controller-manager", "scheduler", "kubelet"):
            files[f"/etc/kubernetes/{each}.conf"] = kubeconfig(authorities, f"kubernetes-{each}")
        files[f"{MANIFESTS}/kube-apiserver.yaml"] = apiserver_manifest(member, encryption=encryption_key is not None)
        if encryption_key is not None:
            files[ENCRYPTION] = encryption_config(encryption_key)
        for path, text in files.items():
            self.write(path, text, mode=0o644 if path.endswith((".crt", "config.yaml", ".env")) else 0o600)
        for program in ("kubelet", "crictl"):
            self.write(f"/usr/local/bin/{program}", (_HERE / f"node_{program}.sh").read_text(), mode=0o755)
        self.write("/etc/boot.d/kubelet", _BOOT, mode=0o755)

    def start_etcd(self) -> None:
        """After `stop_etcd`: by its manifest, as kubelet does."""
        self.run("mv", _ASIDE, _MANIFEST)

    def stop_etcd(self) -> None:
        """By moving its manifest away; the container is gone when this returns."""
        self.run("mv", _MANIFEST, _ASIDE)
        wait_for(lambda: not self.path("/run/etcd.container").exists(), f"the end of etcd on {self.name}", 10)

    def break_crictl(self, how: Literal["silent", "down", ""]) -> None:
        """ "silent": exec does nothing and ends well; "down": the runtime does not answer; "" is whole again. Until the
        next boot."""
        self.write("/run/crictl.fault", how)


@dataclass(frozen=True)
class KubeadmCluster:
    """`tls` is a client of etcd's own authority, for what a test asks past the nodes."""

    nodes: tuple[KubeadmNode, ...]
    authorities: Authorities
    tls: EtcdTls

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(node.member.endpoint for node in self.nodes)

    def node(self, name: str) -> KubeadmNode:
        return next(node for node in self.nodes if node.name == name)

    def client(self) -> GrpcEtcdCluster:
        return GrpcEtcdCluster(self.endpoints, self.tls, deadlines=EtcdDeadlines(call_s=3.0))

    def writer(self) -> EtcdWriter:
        return EtcdWriter(self.endpoints[0], self.tls)

    def exchange(self, one: KubeadmNode, other: KubeadmNode) -> None:
        """The member of each node runs on the other one from now on, with its data, name and ports."""
        for node in (one, other):
            node.stop_etcd()
        manifests = [node.path(_ASIDE).read_text() for node in (one, other)]
        for node, text in zip((other, one), manifests, strict=True):
            node.write(_ASIDE, text, mode=0o600)
        aside = one.folder / "exchanged"
        for source, target in ((one.path(DATA), aside), (other.path(DATA), one.path(DATA)), (aside, other.path(DATA))):
            shutil.move(source, target)
        one.member, other.member = other.member, one.member
        for node in (one, other):
            node.start_etcd()
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        wait_for(self._is_healthy, "a healthy etcd on every node", 40)

    def _is_healthy(self) -> bool:
        try:
            statuses = self.client().facts().statuses
        except HoldfastError:
            return False
        leaders = {status.leader_id for status in statuses}
        return len(statuses) == len(self.nodes) and len(leaders) == 1 and leaders != {"0"}


@contextmanager
def kubeadm_cluster(
    folder: Path, members: int = 3, *, snapshot: str = "a", encryption: bool = False, **options: Any
) -> Iterator[KubeadmCluster]:
    """Nodes n1, n2, ... that are up, with tests/data/kubeadm-<snapshot> in their etcd. `options` are those of Node."""
    authorities = Authorities()
    key = os.urandom(32) if encryption else None
    made = [Member(f"n{number + 1}", *two_free_ports()) for number in range(members)]
    nodes = tuple(
        KubeadmNode(folder, member.name, member, authorities, encryption_key=key, **options) for member in made
    )
    _restore(folder, nodes, real_snapshot(snapshot))
    own = authorities.etcd.issue_client()
    tls = EtcdTls.model_validate({"ca": authorities.etcd.certificate, "cert": own.certificate, "key": own.key})
    cluster = KubeadmCluster(nodes, authorities, tls)
    with ExitStack() as up:
        for node in nodes:
            up.enter_context(node)
        cluster.wait_until_healthy()
        yield cluster


def _restore(folder: Path, nodes: tuple[KubeadmNode, ...], snapshot: bytes) -> None:
    """Each member from the same snapshot, as kubeadm has it since: its data directory and its manifest."""
    source = folder / "source.db"
    source.write_bytes(snapshot)
    initial = ",".join(f"{node.member.name}={node.member.peer_url}" for node in nodes)
    token = uuid.uuid4().hex
    for node in nodes:
        command = [str(etcd_binary("etcdutl")), "snapshot", "restore", str(source), f"--data-dir={node.path(DATA)}"]
        command += [f"--name={node.member.name}", f"--initial-cluster={initial}"]
        command += [f"--initial-cluster-token={token}", f"--initial-advertise-peer-urls={node.member.peer_url}"]
        subprocess.run(command, capture_output=True, check=True, timeout=60)
        node.path(DATA).chmod(0o700)
        node.write(_MANIFEST, etcd_manifest(node.member, initial), mode=0o600)
