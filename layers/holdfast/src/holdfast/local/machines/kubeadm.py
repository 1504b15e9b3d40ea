"""Control-plane machines as kubeadm leaves them, of one cluster, each with an address and a real etcd of its own.

The kubelet, crictl, ctr and systemctl on them are ours (programs/), and so is the API server (apiserver/), which runs
where it is asked for. Everything else is what a node has: manifests, certificates, data directories.
"""

import os
import random
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from holdfast.errors import HoldfastError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.etcd_writer import EtcdWriter
from holdfast.local.machines.kubeadm_files import (
    API_PORT,
    ENCRYPTION,
    IMAGES,
    KUBELET_CLIENT,
    KUBELET_CLIENT_DATED,
    KUBELET_CONFIG,
    MANIFESTS,
    Authorities,
    Member,
    apiserver_manifest,
    controller_manifests,
    encryption_config,
    etcd_manifest,
    kubeconfigs,
    kubelet_client,
    kubelet_files,
    pki,
)
from holdfast.local.machines.machine import Machine
from holdfast.local.machines.waiting import wait_for
from holdfast.models.credentials import EtcdTls

DATA = "/var/lib/etcd"
_PROGRAMS = Path(__file__).with_name("programs")
_MANIFEST = f"{MANIFESTS}/etcd.yaml"
_ASIDE = "/etc/kubernetes/etcd.yaml"
_RUNTIME = ("kubelet", "crictl", "ctr")


def program(name: str) -> str:
    """One of ours (programs/), whole."""
    parts = ("runtime", name) if name in _RUNTIME else (name,)
    return "#!/bin/sh\n" + "".join((_PROGRAMS / f"{part}.sh").read_text() for part in parts)


class KubeadmMachine(Machine):
    """`member` is what runs here. `encryption_key` is what an API server would encrypt Secrets with, None without;
    `api` says whether there is one: without it, its image is not on the machine."""

    def __init__(
        self,
        folder: Path,
        member: Member,
        authorities: Authorities,
        public_key: str,
        *,
        encryption_key: bytes | None = None,
        api: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(folder, member.name, public_key, address=member.address, **options)
        self.member = member
        self.encryption_key = encryption_key
        files = pki(authorities, self.name, self.address) | kubelet_files()
        files |= kubeconfigs(authorities, self.name, self.address) | controller_manifests()
        files[KUBELET_CLIENT_DATED] = kubelet_client(authorities, self.name)
        files[f"{MANIFESTS}/kube-apiserver.yaml"] = apiserver_manifest(member, encryption=encryption_key is not None)
        if encryption_key is not None:
            files[ENCRYPTION] = encryption_config(encryption_key)
        for path, text in files.items():
            self.write(path, text, mode=0o644 if path.endswith((".crt", "config.yaml", ".env")) else 0o600)
        self.path(KUBELET_CLIENT).symlink_to(KUBELET_CLIENT_DATED)
        self._add_programs(api)

    @property
    def api_url(self) -> str:
        return f"https://{self.address}:{API_PORT}"

    def start_etcd(self) -> None:
        """After `stop_etcd`: by its manifest, as kubelet does."""
        self.run("mv", _ASIDE, _MANIFEST)

    def stop_etcd(self) -> None:
        """By moving its manifest away; the container is gone when this returns."""
        self.run("mv", _MANIFEST, _ASIDE)
        wait_for(lambda: not self.runs("etcd"), f"the end of etcd on {self.name}", 10)

    def runs(self, container: str) -> bool:
        """As far as the kubelet knows."""
        return self.path(f"/run/containers/{container}").exists()

    def break_crictl(self, how: Literal["silent", "down", ""]) -> None:
        """ "silent": exec does nothing and ends well; "down": the runtime does not answer, nor does it to ctr; "" is
        whole again. Until the next boot."""
        self.write("/run/crictl.fault", how)

    def _add_programs(self, api: bool) -> None:
        for name in (*_RUNTIME, "systemctl"):
            self.write(f"/usr/local/bin/{name}", program(name), mode=0o755)
        images = [image for name, image in IMAGES.items() if api or name != "kube-apiserver"]
        self.write("/var/lib/images", "".join(f"{image}\n" for image in images))
        register = " --register-node" if api else ""
        kubelet = f"/usr/local/bin/kubelet --config={KUBELET_CONFIG} --node-ip={self.address}{register}"
        self.write("/etc/boot.d/kubelet", f"#!/bin/sh\nexec {kubelet}\n", mode=0o755)


@dataclass(frozen=True)
class KubeadmCluster:
    """`tls` is a client of etcd's own authority, for what is asked past the nodes."""

    nodes: tuple[KubeadmMachine, ...]
    authorities: Authorities
    tls: EtcdTls

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(node.member.endpoint for node in self.nodes)

    def node(self, name: str) -> KubeadmMachine:
        return next(node for node in self.nodes if node.name == name)

    def client(self) -> GrpcEtcdCluster:
        return GrpcEtcdCluster(self.endpoints, self.tls, deadlines=EtcdDeadlines(call_s=3.0))

    def writer(self) -> EtcdWriter:
        return EtcdWriter(self.endpoints[0], self.tls)

    def exchange(self, one: KubeadmMachine, other: KubeadmMachine) -> None:
        """The member of each node runs on the other one from now on, with its data, its name, its address and the
        certificates that prove it."""
        for node in (one, other):
            node.stop_etcd()
        manifests = [node.path(_ASIDE).read_text() for node in (one, other)]
        for node, text in zip((other, one), manifests, strict=True):
            node.write(_ASIDE, text, mode=0o600)
        aside = one.folder / "exchanged"
        for inside in (DATA, "/etc/kubernetes/pki/etcd"):
            here, there = one.path(inside), other.path(inside)
            for source, target in ((here, aside), (there, here), (aside, there)):
                shutil.move(source, target)
        one.member, other.member = other.member, one.member
        for node in (one, other):
            node.start_etcd()
        self.wait_until_healthy()

    def wait_until_healthy(self, within_s: float = 40) -> None:
        wait_for(self._is_healthy, "a healthy etcd on every node", within_s)

    def _is_healthy(self) -> bool:
        try:
            statuses = self.client().facts().statuses
        except HoldfastError:
            return False
        leaders = {status.leader_id for status in statuses}
        return len(statuses) == len(self.nodes) and len(leaders) == 1 and leaders != {"0"}


@contextmanager
def kubeadm_machines(
    folder: Path,
    snapshot: bytes,
    public_key: str,
    members: int = 3,
    *,
    encryption: bool = False,
    **options: Any,
) -> Iterator[KubeadmCluster]:
    """Nodes n1, n2, ... that are up, with the raw database `snapshot` in their etcd. `options` are KubeadmMachine's."""
    authorities = Authorities()
    key = os.urandom(32) if encryption else None
    nodes = tuple(
        KubeadmMachine(folder, member, authorities, public_key, encryption_key=key, **options)
        for member in _members(members)
    )
    _restore(folder, nodes, snapshot)
    own = authorities.etcd.issue_client()
    tls = EtcdTls.model_validate({"ca": authorities.etcd.certificate, "cert": own.certificate, "key": own.key})
    cluster = KubeadmCluster(nodes, authorities, tls)
    with ExitStack() as up:
        for node in nodes:
            up.callback(node.stop)
            node.launch()
        for node in nodes:
            node.wait_until_up()
        cluster.wait_until_healthy()
        yield cluster


def _members(number: int) -> list[Member]:
    """With addresses of loopback's other 16 million, so that every node has the ports of a real one."""
    network = f"127.{random.randint(16, 250)}.{random.randint(0, 255)}"  # noqa: S311 - no secret
    return [Member(f"n{each + 1}", f"{network}.{each + 1}") for each in range(number)]


def _restore(folder: Path, nodes: tuple[KubeadmMachine, ...], snapshot: bytes) -> None:
    """Each member from the same snapshot, as kubeadm has it since: its data directory and its manifest."""
    source = folder / "source.db"
    source.write_bytes(snapshot)
    initial = ",".join(f"{node.member.name}={node.member.peer_url}" for node in nodes)
    token = uuid.uuid4().hex
    for node in nodes:
        command = [str(etcd_binary("etcdutl")), "snapshot", "restore", str(source), f"--data-dir={node.path(DATA)}"]
        command += [f"--name={node.member.name}", f"--initial-cluster={initial}"]
        command += [f"--initial-cluster-token={token}", f"--initial-advertise-peer-urls={node.member.peer_url}"]
        subprocess.run(command, capture_output=True, check=True, timeout=60)  # noqa: S603 - our own arguments
        node.path(DATA).chmod(0o700)
        node.write(_MANIFEST, etcd_manifest(node.member, initial), mode=0o600)
