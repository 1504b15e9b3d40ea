"""The manifests of docs/reference/transports.md: they suffice, and not one right of them is too many."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from builders import kubernetes_proof as proof
from builders.etcd_tls import tls_of
from builders.kubernetes_api import kubernetes_api
from builders.kubernetes_state import KubernetesApiServer, Right
from builders.node import Node
from holdfast.local.pki import issue_ca
from holdfast.models.cluster import KubernetesTransport
from holdfast.models.command import Command
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.etcd import kubernetes_etcd
from holdfast.transports.kubernetes.transport import KubernetesNodes

DOCUMENT = Path(__file__).parents[2] / "docs/reference/transports.md"
FORWARD = {("list", "pods"), ("get", "pods/portforward")}


def documented() -> dict[str, set[Right]]:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    objects = [each for block in blocks for each in yaml.safe_load_all(block) if each and "rules" in each]
    return {
        each["metadata"]["name"]: {
            (verb, resource) for rule in each["rules"] for resource in rule["resources"] for verb in rule["verbs"]
        }
        for each in objects
    }


POD = documented()["holdfast-pod"] | documented()["holdfast-nodes"]
# Websockets come as GET; the double, as Kubernetes before 1.35, checks nothing else of them.
NOT_CHECKED = {("create", "pods/exec"), ("create", "pods/portforward")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesApiServer]:
    with (
        Node(tmp_path_factory.mktemp("node"), "n1") as node,
        kubernetes_api(KubernetesApiServer(enter={"n1": node.enter()})) as up,
    ):
        up.add_etcd_pod("n1", "https://127.0.0.1:1")
        yield up


def everything_by_pod(server: KubernetesApiServer, key: str) -> None:
    spec = KubernetesTransport(kind="kubernetes", credentials="holdfast/prod-1/kubernetes", via="exec")
    nodes = KubernetesNodes(spec, server.access)
    try:
        with KubernetesApi(server.access) as api:
            proof.a_step_runs_as_root_and_its_pod_goes(nodes, api, "n1", key)
        nodes.cancel("n1", key)
        nodes.upload_file("n1", "/tmp/x", b"x")
        with nodes.stream("n1", ("true",)) as blobs:
            assert list(blobs) == []
        assert nodes.exec("n1", ("etcdctl", "version")).exit_code == 0
    finally:
        nodes.close()


def test_the_rights_for_pods_suffice(server: KubernetesApiServer) -> None:
    server.rights = POD

    everything_by_pod(server, "all")


@pytest.mark.parametrize("right", sorted(POD - NOT_CHECKED), ids=" ".join)
def test_each_right_for_pods_is_needed_and_named_when_it_is_missing(server: KubernetesApiServer, right: Right) -> None:
    server.rights = POD - {right}

    error = proof.error_of(lambda: everything_by_pod(server, "-".join(right).replace("/", "-")))

    assert error.code == "kubernetes_forbidden"
    assert error.hint.startswith(f"missing: {' '.join(right)} in ")


@pytest.mark.parametrize("right", sorted(FORWARD), ids=" ".join)
def test_each_right_for_port_forwards_is_needed(server: KubernetesApiServer, right: Right) -> None:
    authority = issue_ca()
    tls = tls_of(authority, authority.issue_client())
    spec = KubernetesTransport(
        kind="kubernetes", credentials="holdfast/prod-1/kubernetes", etcd_credentials="holdfast/prod-1/etcd"
    )

    def read() -> None:
        kubernetes_etcd(spec, server.access, tls).facts()

    assert documented()["holdfast-port-forward"] - NOT_CHECKED == FORWARD
    server.rights = FORWARD
    assert proof.error_of(read).code == "kubernetes_forward_failed"
    server.rights = FORWARD - {right}
    assert proof.error_of(read).code == "kubernetes_forbidden"


def test_a_step_is_never_started_by_somebody_who_may_not_see_its_end(server: KubernetesApiServer) -> None:
    server.rights = POD - {("get", "pods")}
    nodes = KubernetesNodes(
        KubernetesTransport(kind="kubernetes", credentials="holdfast/prod-1/kubernetes", via="pod"), server.access
    )

    server.requests.clear()
    assert proof.error_of(lambda: nodes.run("n1", "unseen", Command("true"))).code == "kubernetes_forbidden"
    assert [each for each in server.requests if each.startswith("POST")] == []
