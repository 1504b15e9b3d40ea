"""`Services` for backups through real nodes: a real sshd, a real etcd, the real scripts, and an S3 server."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from builders.kubeadm_node import KubeadmCluster, kubeadm_cluster
from builders.machine import BackupMachine
from builders.s3_server import client_of, new_bucket, s3_server, unfinished_uploads
from builders.services import MemoryServices
from builders.ssh_keys import client_key
from holdfast.models.cluster import ClusterSpec, NodeTransport, SshTransport
from holdfast.models.run import Outcome
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_grants import S3Grants
from holdfast.transports.base import Transport
from holdfast.transports.ssh.connection import SshDeadlines
from holdfast.transports.ssh.transport import SshNodes

CLUSTER = "nodes"
_HASTE = SshDeadlines(connect_s=2.0, handshake_s=3.0, exchange_s=30.0)


def ssh_spec(cluster: KubeadmCluster, **changes: Any) -> ClusterSpec:
    nodes = [
        {"name": node.name, "host": node.address, "port": node.ssh_port, "host_keys": list(node.fingerprints)}
        for node in cluster.nodes
    ]
    transport: dict[str, Any] = {"kind": "ssh", "user": "core", "credentials": "holdfast/nodes/ssh", "nodes": nodes}
    return ClusterSpec.model_validate({"id": CLUSTER, "driver": "kubeadm", "transport": transport | changes})


class NodeServices(MemoryServices):
    """Objects are on the S3 server at `url`; everything else is in memory. The clock is the real one."""

    def at(self, url: str, node_url: str = "") -> "NodeServices":
        """`node_url` is where nodes find the same server, through a proxy that fails for them alone."""
        client = client_of(url, checksums="none")
        self._client, self._buckets = client, (new_bucket(client, versioned=True), new_bucket(client, versioned=True))
        self._signer = client_of(node_url or url, checksums="none")
        self.store = S3Bucket(client, self._buckets[0], checksums="none")
        self.clock = lambda: datetime.now(UTC)  # type: ignore[assignment]
        return self

    @cached_property
    def grants(self) -> S3Grants:  # type: ignore[override]
        return _SignedElsewhere(self._client, self._signer, self._buckets[0])

    @cached_property
    def secrets_grants(self) -> S3Grants:  # type: ignore[override]
        return _SignedElsewhere(self._client, self._signer, self._buckets[1])

    @property
    def secrets_reader(self) -> S3Bucket:  # type: ignore[override]
        return S3Bucket(self._client, self._buckets[1], checksums="none")

    @property
    def secrets_remover(self) -> S3Bucket:  # type: ignore[override]
        return self.secrets_reader

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        def transport(spec: NodeTransport) -> Transport:
            assert isinstance(spec, SshTransport)
            return SshNodes(spec, client_key(), client_key(), deadlines=_HASTE)

        return transport

    def stored(self, bucket: int = 0) -> list[str]:
        return [entry.key for entry in S3Bucket(self._client, self._buckets[bucket]).list("")]

    def unfinished(self) -> list[str]:
        return unfinished_uploads(self._client, self._buckets[0])


class _SignedElsewhere(S3Grants):
    """URLs for the nodes name another host than ours."""

    def __init__(self, client: Any, signer: Any, bucket: str) -> None:
        super().__init__(client, bucket, checksums="none")
        self._signing = S3Grants(signer, bucket, checksums="none")
        self.part_urls = self._signing.part_urls  # type: ignore[method-assign]
        self.put_url = self._signing.put_url  # type: ignore[method-assign]
        self.read_url = self._signing.read_url  # type: ignore[method-assign]


@dataclass
class Scene:
    cluster: KubeadmCluster
    url: str

    def services(self, *, node_url: str = "", **changes: Any) -> NodeServices:
        services = NodeServices().at(self.url, node_url)
        services.clusters.put(ssh_spec(self.cluster, **changes), replace=True)
        return services

    def backup(
        self,
        services: NodeServices,
        *,
        on_phase: Callable[[str], None] = lambda _: None,
        on_wait: Callable[["BackupMachine"], None] = lambda _: None,
        **options: Any,
    ) -> Outcome:
        """With the machine's waits shortened to what a small database needs."""
        machine = BackupMachine(services, on_phase=on_phase, **options)

        def wait(seconds: int) -> None:
            on_wait(machine)
            time.sleep(min(seconds, 1) * 0.3)

        machine.on_wait = wait
        return machine.execute(CLUSTER, datetime.now(UTC))


@contextmanager
def scene(folder: Path, members: int = 3, **options: Any) -> Iterator[Scene]:
    with s3_server() as url, kubeadm_cluster(folder, members, **options) as cluster:
        yield Scene(cluster, url)
