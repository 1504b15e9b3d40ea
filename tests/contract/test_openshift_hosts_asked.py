"""The driver's questions, over SSH, to the machines that stand for OpenShift's hosts: one of each generation."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders.kubernetes_api import kubernetes_api
from builders.kubernetes_state import KubernetesApiServer
from builders.openshift_node import RELEASES, OpenShiftCluster, oc, openshift_cluster
from builders.ssh_keys import client_key
from builders.waiting import wait_for
from holdfast.drivers.registry import driver_of
from holdfast.engine.node_facts import NodeFacts, ask_nodes
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.openshift.operating import AnyApi
from holdfast.local.machines.openshift.pods import RESOURCES
from holdfast.local.machines.openshift.seed import named
from holdfast.models.cluster import KubernetesTransport, SshTransport
from holdfast.models.openshift import OPERATORS, Generation
from holdfast.transports.base import Transport
from holdfast.transports.kubernetes.transport import KubernetesNodes
from holdfast.transports.ssh.connection import SshDeadlines
from holdfast.transports.ssh.transport import SshNodes

DRIVER = driver_of("openshift")
_HASTE = SshDeadlines(connect_s=2.0, handshake_s=3.0, exchange_s=30.0)


@pytest.fixture(scope="module", params=RELEASES)
def generation(request: pytest.FixtureRequest) -> Generation:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def cluster(generation: Generation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftCluster]:
    with openshift_cluster(tmp_path_factory.mktemp("openshift"), RELEASES[generation], 1) as made:
        pods = ("get", "pods", "-n", "openshift-etcd", "-o", "name")
        wait_for(lambda: "etcd-master-0" in oc(made.nodes[0], *pods), "the pod of etcd in the API", 30)
        yield made


@pytest.fixture(scope="module")
def facts(cluster: OpenShiftCluster) -> NodeFacts:
    return asked(cluster)


def asked(cluster: OpenShiftCluster) -> NodeFacts:
    nodes: list[dict[str, Any]] = [
        {"name": node.name, "host": node.address, "port": node.ssh_port, "host_keys": list(node.fingerprints)}
        for node in cluster.nodes
    ]
    known = {"kind": "ssh", "user": "core", "credentials": "holdfast/nodes/ssh", "nodes": nodes}
    spec = SshTransport.model_validate(known)
    with closing(SshNodes(spec, client_key(), client_key(), deadlines=_HASTE)) as transport:
        return told_over(transport)


def told_over(transport: Transport) -> NodeFacts:
    run, pending, ends = f"ask-{time.monotonic_ns()}", None, time.monotonic() + 60
    while time.monotonic() < ends:
        found = ask_nodes(transport, DRIVER, run, pending, lambda: datetime.now(UTC))
        if isinstance(found, NodeFacts):
            return found
        pending = found
        time.sleep(0.2)
    raise AssertionError(f"no facts within a minute: {pending}")


def codes(facts: NodeFacts) -> dict[str, str]:
    return {each.code: each.level for each in DRIVER.findings(facts.surveys, facts.etcd, datetime.now(UTC))}


def test_what_lies_on_a_host_is_read_in_every_generation(
    facts: NodeFacts, cluster: OpenShiftCluster, generation: Generation
) -> None:
    (survey,) = facts.surveys
    node = cluster.nodes[0]
    assert (survey.node, survey.node_name, survey.hostname) == (node.name, node.name, node.name)
    assert (survey.topology, survey.root, survey.etcd_problem) == ("stacked", True, "")
    view = survey.openshift
    assert view is not None
    assert view.host.generation == generation
    assert view.host.can_force == (generation != "4.4")
    assert view.host.has_oc
    assert set(view.host.manifests) == {f"{name}-pod.yaml" for name in OPERATORS}
    assert "member" in view.host.data_entries
    assert "@sha256:" in view.host.etcd_image
    assert "@sha256:" in view.host.apiserver_image
    assert view.host.etcd_image != view.host.apiserver_image
    assert len(survey.bundle_paths) == len(OPERATORS)
    assert all(path.startswith(f"{RESOURCES}/") for path in survey.bundle_paths)


def test_the_api_server_of_the_host_tells_of_the_cluster(facts: NodeFacts, generation: Generation) -> None:
    view = facts.surveys[0].openshift
    assert view is not None
    found = view.cluster
    assert found is not None, view.silence
    assert (found.version, found.unanswered, view.silence) == (RELEASES[generation], (), "")
    assert found.created_at is not None
    assert datetime.now(UTC) - found.created_at > timedelta(days=8)
    assert {each.name: each.progressing for each in found.operators} == dict.fromkeys(OPERATORS, "False")
    assert [(each.name, each.ready) for each in found.nodes] == [("master-0", "True")]
    assert [(each.node, each.phase) for each in found.machines] == [("master-0", "Running")]
    assert [(each.name, each.node) for each in found.etcd_pods] == [("etcd-master-0", "master-0")]


def test_the_member_is_asked_in_its_pod(facts: NodeFacts, cluster: OpenShiftCluster) -> None:
    layout = facts.surveys[0].etcd
    assert layout is not None
    assert layout.client_urls == (cluster.endpoints[0],)
    # They are files of the host, whatever path the pod has them at.
    for path in (layout.ca, layout.cert, layout.key):
        assert cluster.nodes[0].path(path).is_file(), path
    (status,) = facts.etcd.statuses
    assert status.is_leader
    assert facts.nodes == {status.member_id: cluster.nodes[0].name}
    assert [member.name for member in facts.etcd.members] == [layout.name]


def test_a_privileged_pod_is_told_the_same_as_over_ssh(facts: NodeFacts, cluster: OpenShiftCluster) -> None:
    """What `oc debug node` and chroot do, by our own pod; nothing is run in etcd's container but by the host."""
    spec = KubernetesTransport(kind="kubernetes", credentials="holdfast/prod/kubernetes", via="pod", image="busybox:1")
    enter = {node.name: node.enter() for node in cluster.nodes}
    with (
        kubernetes_api(KubernetesApiServer(enter=enter)) as server,
        closing(KubernetesNodes(spec, server.access)) as transport,
    ):
        found = told_over(transport)
    (here,), (there,) = found.surveys, facts.surveys
    changing = {"clock_offset_s": 0.0, "work_free": 0, "data_free": 0, "openshift": None}
    assert here.model_copy(update=changing) == there.model_copy(update=changing)
    assert here.openshift is not None
    assert here.openshift.cluster == (there.openshift.cluster if there.openshift else None)
    assert found.nodes == facts.nodes


def test_nothing_speaks_against_a_backup(facts: NodeFacts) -> None:
    assert codes(facts) == {}


def test_what_the_operators_say_speaks_against_a_backup(cluster: OpenShiftCluster) -> None:
    api = AnyApi(cluster).answering()
    encrypting = {"type": "Encrypted", "status": "False", "reason": "EncryptionInProgress", "message": "secrets"}
    unwell = {"type": "EtcdMembersAvailable", "status": "False", "message": "0 of 1 members are available"}
    moving = {"type": "Progressing", "status": "True", "reason": "NodeInstaller", "message": "1 node is at revision 3"}
    with (
        said(api, "clusteroperators", "kube-scheduler", moving),
        said(api, "clusterversions", "version", moving),
        said(api, "kubeapiservers.operator.openshift.io", "cluster", encrypting),
        said(api, "etcds.operator.openshift.io", "cluster", unwell),
    ):
        found = asked(cluster)
    assert codes(found) == {
        "openshift_progressing": "refuse",
        "openshift_encryption_migrating": "refuse",
        "openshift_upgrading": "warn",
        "openshift_members_unavailable": "warn",
    }
    texts = {each.code: each.text for each in DRIVER.findings(found.surveys, found.etcd, datetime.now(UTC))}
    assert "kube-scheduler" in texts["openshift_progressing"]
    assert "0 of 1 members are available" in texts["openshift_members_unavailable"]


@contextmanager
def said(api: Api, word: str, name: str, condition: dict[str, str]) -> Iterator[None]:
    """While the block runs the object has that condition instead of its own of that type. No operator is at work here
    that would say otherwise."""
    kind = named(word)
    before = api.get(kind, "", name).get("status", {}).get("conditions", [])
    others = [each for each in before if each["type"] != condition["type"]]
    api.patch(kind, "", name, {"status": {"conditions": [*others, condition]}}, "status")
    try:
        yield
    finally:
        api.patch(kind, "", name, {"status": {"conditions": before}}, "status")


def test_without_its_api_server_the_host_is_surveyed_all_the_same(
    cluster: OpenShiftCluster, generation: Generation
) -> None:
    """The last test of the module: the host has no API server after it."""
    node = cluster.nodes[0]
    node.run("mv", "/etc/kubernetes/manifests/kube-apiserver-pod.yaml", "/home/core/assets/")
    wait_for(lambda: not node.runs("kube-apiserver"), "the end of the API server", 30)
    found = asked(cluster)
    view = found.surveys[0].openshift
    assert view is not None
    assert view.cluster is None
    assert "refused" in view.silence
    assert (found.surveys[0].topology, view.host.generation) == ("external-etcd", generation)
    told = codes(found)
    assert told["openshift_operators_unknown"] == ("warn" if generation == "4.4" else "refuse")
    # The script packs the files of all four.
    assert told["openshift_script_missing"] == "refuse"
