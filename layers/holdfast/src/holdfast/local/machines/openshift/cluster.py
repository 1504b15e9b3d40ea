"""Control-plane hosts of one OpenShift cluster that are up, with a real etcd of as many members."""

import contextlib
import random
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.etcd_writer import EtcdWriter
from holdfast.local.machines.openshift.layout import (
    LOCALHOST,
    Release,
    Signers,
    certificates,
    etcd_secrets,
    revision,
    unrevisioned,
)
from holdfast.local.machines.openshift.machine import OpenShiftMachine
from holdfast.local.machines.openshift.pods import COMPONENTS, DATA, Host
from holdfast.local.machines.openshift.seed import FIRST_REVISION, seeded
from holdfast.local.machines.waiting import wait_for
from holdfast.local.pki import KeyPair
from holdfast.models.credentials import EtcdTls


@dataclass
class OpenShiftCluster:
    """`nodes` are its hosts, by their order in the cluster; a replaced one is another host. `secrets` are etcd's
    certificates by the names of their Secrets; `tls` is a client of etcd's authority, for what is asked past hosts."""

    nodes: tuple[OpenShiftMachine, ...]
    release: Release
    signers: Signers
    secrets: dict[str, KeyPair]
    tls: EtcdTls
    folder: Path
    public_key: str
    options: dict[str, Any] = field(default_factory=dict)
    installed: int = 0

    @property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(node.host for node in self.nodes)

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(host.client_url for host in self.hosts)

    def node(self, name: str) -> OpenShiftMachine:
        return next(node for node in self.nodes if node.name == name)

    def client(self, *names: str) -> GrpcEtcdCluster:
        """Of all members, or of those on the hosts of these names."""
        asked = tuple(node.host.client_url for node in self.nodes if not names or node.name in names)
        return GrpcEtcdCluster(asked, self.tls, deadlines=EtcdDeadlines(call_s=3.0))

    def writer(self, name: str = "") -> EtcdWriter:
        asked = self.node(name).host.client_url if name else self.endpoints[0]
        return EtcdWriter(asked, self.tls)

    def install(self, node: OpenShiftMachine, component: str, number: int, reason: str = "") -> None:
        """What the operator's installer does on a host for one revision: resources first, then the manifest."""
        files, manifest = revision(self.release, self.signers, component, number, node.host, self.hosts, reason)
        if component == "etcd":
            files |= certificates(self.release, self.signers, self.secrets)
        if component == "kube-apiserver" and not node.path(LOCALHOST).exists():
            files |= unrevisioned(self.signers, node.host)
        node.hosts = self.hosts
        node.put(files)
        if component == "etcd":
            node.install_scripts()
        node.write_manifest(component, manifest)

    def grow(self) -> str:
        """One more host, as an installation leaves it; its name, which no host of this cluster ever had."""
        network = self.hosts[0].address.rpartition(".")[0]
        (host,) = new_hosts(1, network=network, first=self.installed)
        self.installed += 1
        self._boot(host, self.folder)
        return host.name

    def reinstall(self, name: str) -> None:
        """The same name and address on an empty disk, as somebody does it by hand."""
        host = self.node(name).host
        self.drop(name)
        self._boot(host, self.folder / f"again-{uuid.uuid4().hex[:6]}")

    def drop(self, name: str) -> None:
        """The host is gone for good, if there is one of that name."""
        for node in self.nodes:
            if node.name == name:
                node.stop()
        self.nodes = tuple(node for node in self.nodes if node.name != name)

    def _boot(self, host: Host, folder: Path) -> None:
        hosts = (*self.hosts, host)
        made = OpenShiftMachine(
            folder, host, hosts, self.release, self.signers, self.public_key, joined=False, **self.options
        )
        made.start()
        self.nodes = (*self.nodes, made)

    def stop(self) -> None:
        for node in self.nodes:
            # One that an operator booted has ended with it.
            with contextlib.suppress(ProcessLookupError):
                node.stop()

    def wait_until_healthy(self, *, members: int = 0, within_s: float = 60) -> None:
        """As many members, all of the hosts' unless told otherwise, with one leader."""
        wait_for(lambda: self._is_healthy(members or len(self.nodes)), "a healthy etcd on every host", within_s)

    def _is_healthy(self, members: int) -> bool:
        try:
            facts = self.client().facts()
        except HoldfastError:
            return False
        leaders = {status.leader_id for status in facts.statuses}
        voters = [each for each in facts.members if not each.is_learner]
        return len(facts.statuses) == len(voters) == members and len(leaders) == 1 and leaders != {"0"}


@contextmanager
def openshift_machines(
    folder: Path,
    public_key: str,
    version: str,
    members: int = 3,
    *,
    snapshot: bytes | None = None,
    encryption: bytes | None = None,
    components: tuple[str, ...] = COMPONENTS,
    platform: str = "AWS",
    age: timedelta = timedelta(days=9),
    **options: Any,
) -> Iterator[OpenShiftCluster]:
    """Hosts master-0, master-1, ... that are up, with the raw database `snapshot` in their etcd, or an empty one, and
    static pods of these components. Objects of the API are as they were made `age` ago, without a Machine API where
    the platform is "None". `options` are OpenShiftMachine's."""
    release, signers, hosts = Release(version), Signers(encryption), new_hosts(members)
    secrets: dict[str, KeyPair] = {}
    for host in hosts:
        secrets |= etcd_secrets(signers, host)
    nodes = tuple(OpenShiftMachine(folder, host, hosts, release, signers, public_key, **options) for host in hosts)
    own = signers.etcd.issue_client()
    tls = EtcdTls.model_validate({"ca": signers.etcd.certificate, "cert": own.certificate, "key": own.key})
    cluster = OpenShiftCluster(nodes, release, signers, secrets, tls, folder, public_key, options, members)
    _restore(folder, nodes, snapshot or _empty())
    for node in nodes:
        for component in components:
            cluster.install(node, component, FIRST_REVISION)
    with ExitStack() as up:
        up.callback(cluster.stop)
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_until_up()
        cluster.wait_until_healthy()
        known = seeded(version, hosts, secrets, platform=platform, age=age, encrypted=encryption is not None)
        cluster.writer().put_many(known)
        yield cluster


def new_hosts(members: int, *, network: str = "", first: int = 0) -> tuple[Host, ...]:
    """With addresses of loopback's other 16 million, so that every host has the ports of a real one."""
    network = network or f"127.{random.randint(16, 250)}.{random.randint(0, 255)}"  # noqa: S311 - no secret
    return tuple(Host(f"master-{each}", f"{network}.{each + 1}") for each in range(first, first + members))


@cache
def _empty() -> bytes:
    """A snapshot of an etcd that nobody wrote to."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalEtcd.start(Path(folder), members=1) as etcd,
        etcd.client().snapshot(etcd.endpoints[0]) as stream,
    ):
        return b"".join(stream)


def _restore(folder: Path, nodes: tuple[OpenShiftMachine, ...], snapshot: bytes) -> None:
    source = folder / "source.db"
    source.write_bytes(snapshot)
    initial = ",".join(f"{node.name}={node.host.peer_url}" for node in nodes)
    token = uuid.uuid4().hex
    for node in nodes:
        command = [str(etcd_binary("etcdutl")), "snapshot", "restore", str(source), f"--data-dir={node.path(DATA)}"]
        command += [f"--name={node.name}", f"--initial-cluster={initial}", f"--initial-cluster-token={token}"]
        command += [f"--initial-advertise-peer-urls={node.host.peer_url}"]
        subprocess.run(command, capture_output=True, check=True, timeout=60)  # noqa: S603 - our own arguments
        node.path(DATA).chmod(0o700)
