"""Backups through hosts of OpenShift: a real sshd, a real etcd, doubles of the vendor's scripts, and an S3 server."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.kubernetes_api import kubernetes_api
from builders.kubernetes_state import KubernetesApiServer
from builders.node_services import CLUSTER, NodeServices, Scene
from builders.openshift_node import RELEASES, OpenShiftCluster, OpenShiftNode, oc, openshift_cluster
from builders.s3_server import s3_server
from builders.waiting import wait_for
from holdfast.errors import HoldfastError
from holdfast.models.cluster import ClusterSpec, KubernetesTransport, NodeTransport
from holdfast.models.credentials import KubernetesAccess
from holdfast.transports.base import Transport
from holdfast.transports.kubernetes.transport import KubernetesNodes

OURS = re.compile(r"snapshot_|snapshot\.db|static_kuberesources|/kept|/work|/secrets$|private\.pem")
STEP = re.compile(r"holdfast-step|cluster-backup")


def openshift_spec(cluster: OpenShiftCluster) -> ClusterSpec:
    nodes = [
        {"name": node.name, "host": node.address, "port": node.ssh_port, "host_keys": list(node.fingerprints)}
        for node in cluster.nodes
    ]
    transport: dict[str, Any] = {"kind": "ssh", "user": "core", "credentials": "holdfast/nodes/ssh", "nodes": nodes}
    return ClusterSpec.model_validate({"id": CLUSTER, "driver": "openshift", "transport": transport})


class PodServices(NodeServices):
    """Hosts are reached by pods, through the double of an API server at `access`."""

    access: KubernetesAccess

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        def transport(spec: NodeTransport) -> Transport:
            assert isinstance(spec, KubernetesTransport)
            return KubernetesNodes(spec, self.access)

        return transport


@dataclass
class OpenShiftScene(Scene):
    cluster: OpenShiftCluster  # type: ignore[assignment]
    version: str = ""

    def services(self, *, node_url: str = "", **changes: Any) -> NodeServices:
        services = NodeServices().at(self.url, node_url)
        services.clusters.put(openshift_spec(self.cluster).model_copy(update=changes), replace=True)
        return services

    @contextmanager
    def services_by_pod(self) -> Iterator[NodeServices]:
        """What `oc debug node` and chroot do, by our own pod."""
        enter = {node.name: node.enter() for node in self.cluster.nodes}
        with kubernetes_api(KubernetesApiServer(enter=enter)) as server:
            services = PodServices().at(self.url)
            assert isinstance(services, PodServices)
            services.access = server.access
            way = {"kind": "kubernetes", "credentials": "holdfast/nodes/kubernetes", "via": "pod", "image": "busybox:1"}
            spec = ClusterSpec.model_validate({"id": CLUSTER, "driver": "openshift", "transport": way})
            services.clusters.put(spec, replace=True)
            yield services

    def left(self) -> list[str]:
        """Of backups on any host: files of the vendor's names, what a step keeps, secrets, and processes."""
        found = []
        for node in self.cluster.nodes:
            files = [*node.path("/var/lib/holdfast").rglob("*"), *node.path("/home/core").rglob("*")]
            found += [f"{node.name}: {path}" for path in files if OURS.search(str(path))]
            found += [f"{node.name}: {line}" for line in node.command_lines() if STEP.search(line)]
        return found


@contextmanager
def openshift_scene(folder: Path, generation: str, members: int = 1, **options: Any) -> Iterator[OpenShiftScene]:
    version = RELEASES[generation]
    with s3_server() as url, openshift_cluster(folder, version, members, encryption=bytes(32), **options) as cluster:
        for node in cluster.nodes:
            wait_for(lambda node=node: _answers(node), f"an API server on {node.name}")  # type: ignore[misc]
        yield OpenShiftScene(cluster, url, version)


def _answers(node: OpenShiftNode) -> bool:
    try:
        return bool(oc(node, "get", "co", "etcd", "-o", "name"))
    except HoldfastError:
        return False
