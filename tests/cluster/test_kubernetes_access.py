"""A real cluster through its API: what the double's tests prove, proven of the real thing, on each of its nodes."""

import uuid
from collections.abc import Iterator

import pytest

from builders import kubernetes_proof as proof
from builders.real_cluster import RealCluster
from holdfast.credentials.etcd_secret import parse_etcd_tls
from holdfast.models.cluster import KubernetesTransport
from holdfast.models.credentials import KubernetesAccess
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.etcd import kubernetes_etcd
from holdfast.transports.kubernetes.exec import execute
from holdfast.transports.kubernetes.pods import etcd_pods
from holdfast.transports.kubernetes.transport import KubernetesNodes

NAME = "holdfast/e2e/kubeconfig"


@pytest.fixture
def access(cluster: RealCluster) -> KubernetesAccess:
    return cluster.access


@pytest.fixture
def api(access: KubernetesAccess) -> Iterator[KubernetesApi]:
    with KubernetesApi(access) as opened:
        yield opened


@pytest.fixture
def nodes(cluster: RealCluster, access: KubernetesAccess) -> Iterator[KubernetesNodes]:
    spec = KubernetesTransport(kind="kubernetes", credentials=NAME, via="pod", image=cluster.image)
    opened = KubernetesNodes(spec, access)
    yield opened
    opened.close()


@pytest.fixture
def key() -> str:
    """Another one for every test: steps stay on a node for two days."""
    return f"e2e-{uuid.uuid4().hex}"


def test_every_member_gives_a_whole_snapshot_by_port_forward(cluster: RealCluster, access: KubernetesAccess) -> None:
    tls = parse_etcd_tls("holdfast/e2e/etcd", cluster.etcd_secret())
    spec = KubernetesTransport(kind="kubernetes", credentials=NAME, etcd_credentials="holdfast/e2e/etcd")

    proof.every_member_gives_a_whole_snapshot(kubernetes_etcd(spec, access, tls))


def test_every_etcd_container_runs_its_own_programs(api: KubernetesApi) -> None:
    for pod in etcd_pods(api):
        assert execute(api, pod.container, ["etcdctl", "version"]).stdout.startswith(b"etcdctl version: 3.")


def test_a_step_runs_as_root_on_every_node_and_its_pod_goes(
    nodes: KubernetesNodes, api: KubernetesApi, key: str
) -> None:
    for node in nodes.nodes:
        proof.a_step_runs_as_root_and_its_pod_goes(nodes, api, node, key)
        nodes.cancel(node, key)


def test_a_cancelled_step_leaves_neither_process_nor_pod(nodes: KubernetesNodes, api: KubernetesApi, key: str) -> None:
    proof.a_cancelled_step_leaves_neither_process_nor_pod(nodes, api, nodes.nodes[0], key)


def test_a_step_whose_pod_died_is_lost(nodes: KubernetesNodes, api: KubernetesApi, key: str) -> None:
    proof.a_step_whose_pod_died_is_lost(nodes, api, nodes.nodes[0], key)


def test_files_come_back_byte_for_byte(nodes: KubernetesNodes, key: str) -> None:
    proof.files_come_back_byte_for_byte(nodes, nodes.nodes[-1], key)


def test_a_stream_tells_how_its_program_ended(nodes: KubernetesNodes) -> None:
    proof.a_stream_tells_how_its_program_ended(nodes, nodes.nodes[0])
