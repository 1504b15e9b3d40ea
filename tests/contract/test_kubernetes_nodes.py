"""Steps in privileged pods, on the double of the API server with a real root of a test node behind it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from builders import kubernetes_proof as proof
from builders.kubernetes_api import kubernetes_api
from builders.kubernetes_state import KubernetesApiServer
from builders.node import Node
from builders.waiting import wait_for
from holdfast.errors import HoldfastError, InvalidInputError
from holdfast.models.cluster import KubernetesTransport
from holdfast.models.command import Command
from holdfast.transports.base import Running
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.transport import KubernetesNodes

KEY = "20261120T154300Z-m-1a2b3c-step"
COMMAND = Command("echo hello")
SPEC = KubernetesTransport(kind="kubernetes", credentials="holdfast/prod-1/kubernetes", via="exec", image="busybox:1")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("node"), "n1") as up:
        yield up


@pytest.fixture
def server(node: Node) -> Iterator[KubernetesApiServer]:
    with kubernetes_api(KubernetesApiServer(enter={"n1": node.enter()})) as up:
        yield up
    node.run("sh", "-c", "rm -rf /var/lib/holdfast /tmp/2026*")


@pytest.fixture
def api(server: KubernetesApiServer) -> Iterator[KubernetesApi]:
    with KubernetesApi(server.access) as opened:
        yield opened


@pytest.fixture
def nodes(server: KubernetesApiServer) -> Iterator[KubernetesNodes]:
    opened = KubernetesNodes(SPEC, server.access)
    yield opened
    opened.close()


def refusal(nodes: KubernetesNodes) -> HoldfastError:
    return proof.error_of(lambda: proof.ended(nodes, "n1", KEY, COMMAND))


def test_a_step_runs_as_root_and_its_pod_goes(nodes: KubernetesNodes, api: KubernetesApi) -> None:
    proof.a_step_runs_as_root_and_its_pod_goes(nodes, api, "n1", KEY)


def test_with_via_pod_nothing_is_run_in_etcds_containers(server: KubernetesApiServer) -> None:
    nodes = KubernetesNodes(SPEC.model_copy(update={"via": "pod"}), server.access)
    try:
        assert "exec" not in nodes.capabilities
        assert proof.ended(nodes, "n1", KEY, COMMAND).stdout == "hello\n"
        assert proof.error_of(lambda: nodes.exec("n1", ("true",))).code == "transport_cannot"
    finally:
        nodes.close()


def test_a_cancelled_step_leaves_neither_process_nor_pod(nodes: KubernetesNodes, api: KubernetesApi) -> None:
    proof.a_cancelled_step_leaves_neither_process_nor_pod(nodes, api, "n1", KEY)


def test_a_step_whose_pod_died_is_lost(nodes: KubernetesNodes, api: KubernetesApi) -> None:
    proof.a_step_whose_pod_died_is_lost(nodes, api, "n1", KEY)


def test_files_come_back_byte_for_byte(nodes: KubernetesNodes) -> None:
    proof.files_come_back_byte_for_byte(nodes, "n1", KEY)


def test_a_stream_tells_how_its_program_ended(nodes: KubernetesNodes) -> None:
    proof.a_stream_tells_how_its_program_ended(nodes, "n1")


def test_closing_removes_the_pods_that_files_shared(nodes: KubernetesNodes, api: KubernetesApi) -> None:
    nodes.upload_file("n1", f"/tmp/{KEY}", b"x")
    assert len(proof.pods_of_ours(api)) == 1
    nodes.close()
    nodes.close()

    wait_for(lambda: not proof.pods_of_ours(api), "the end of the pods")


def test_two_starts_of_a_step_share_one_pod_and_run_it_once(
    nodes: KubernetesNodes, server: KubernetesApiServer, node: Node
) -> None:
    command = Command(f"echo once >>/tmp/{KEY}")
    other = KubernetesNodes(SPEC, server.access)
    assert isinstance(nodes.run("n1", KEY, command), Running)
    assert isinstance(other.run("n1", KEY, command), Running)

    assert proof.ended(other, "n1", KEY, command).exit_code == 0
    assert len([each for each in server.requests if each.startswith("POST")]) == 1
    assert node.run("cat", f"/tmp/{KEY}") == "once\n"


def test_a_result_that_nobody_read_in_time_is_found_by_a_new_pod(
    nodes: KubernetesNodes, server: KubernetesApiServer, node: Node
) -> None:
    command = Command(f"echo once >>/tmp/{KEY}; echo 1 2 >progress; sleep 1; echo done")
    proof.runs(nodes, "n1", KEY, command)
    wait_for(lambda: node.path(f"/var/lib/holdfast/steps/{KEY}/code").exists(), "the end of the step")
    (name,) = server.pod_names()
    server.end_pod(name, reason="DeadlineExceeded")

    assert proof.ended(nodes, "n1", KEY, command).stdout == "done\n"
    assert node.run("cat", f"/tmp/{KEY}") == "once\n"


def test_a_step_whose_pod_was_ended_is_not_running_any_more(
    nodes: KubernetesNodes, server: KubernetesApiServer, node: Node
) -> None:
    proof.runs(nodes, "n1", KEY, Command("echo 1 2 >progress; sleep 600"))
    (name,) = server.pod_names()
    server.remove_pod(name)

    assert [line for line in node.command_lines() if "sleep 600" in line] == []


def test_a_secret_is_in_no_pod_no_address_and_no_argument(
    nodes: KubernetesNodes, server: KubernetesApiServer, node: Node, api: KubernetesApi
) -> None:
    proof.a_step_runs_as_root_and_its_pod_goes(nodes, api, "n1", KEY)

    assert server.bodies
    assert not [each for each in server.requests + server.bodies + node.command_lines() if proof.HUSH in each]
    assert not [each for each in server.requests if "nobody+may" in each or "nobody%20may" in each]


def test_the_pod_ends_by_itself_and_carries_no_token(nodes: KubernetesNodes, server: KubernetesApiServer) -> None:
    nodes.run("n1", KEY, Command("true", timeout_s=300))
    (name,) = server.pod_names()
    pod = server.look(name)

    assert pod["spec"]["activeDeadlineSeconds"] > 300
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["nodeName"] == "n1"


def test_cancelling_while_the_api_server_is_away_is_no_error() -> None:
    with kubernetes_api(KubernetesApiServer()) as server:
        access = server.access
    nodes = KubernetesNodes(SPEC, access)

    nodes.cancel("n1", KEY)

    assert proof.error_of(lambda: nodes.run("n1", KEY, COMMAND)).code == "kubernetes_unreachable"


def test_an_unknown_node_is_refused(nodes: KubernetesNodes) -> None:
    with pytest.raises(InvalidInputError, match="n9") as caught:
        nodes.run("n9", KEY, COMMAND)
    assert caught.value.code == "node_unknown"
    assert "n1" in caught.value.hint


def test_a_node_that_is_not_ready_gets_no_pod(nodes: KubernetesNodes, server: KubernetesApiServer) -> None:
    server.not_ready.add("n1")

    error = refusal(nodes)

    assert (error.family, error.code) == ("transient", "node_unreachable")
    assert server.pod_names() == []


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ImagePullBackOff", "kubernetes_pod_image"),
        ("InvalidImageName", "kubernetes_pod_image"),
        ("CreateContainerError", "kubernetes_pod_failed"),
    ],
)
def test_a_pod_that_cannot_start_says_why_and_goes(
    nodes: KubernetesNodes, server: KubernetesApiServer, api: KubernetesApi, reason: str, code: str
) -> None:
    server.waiting["busybox:1"] = reason

    error = refusal(nodes)

    assert (error.family, error.code) == ("permanent", code)
    assert reason in error.message
    proof.pod_is_gone(api, "n1", KEY)


@pytest.mark.parametrize(
    "words",
    [
        'violates PodSecurity "restricted:latest": privileged (container "node" must not set privileged=true)',
        "unable to validate against any security context constraint: [provider restricted-v2: .spec.hostNetwork]",
    ],
)
def test_a_namespace_that_admits_no_privileged_pod_says_what_to_change(
    nodes: KubernetesNodes, server: KubernetesApiServer, words: str
) -> None:
    server.refuse_pods = words

    error = refusal(nodes)

    assert error.code == "kubernetes_pod_refused"
    assert words[:40] in error.message
    assert "pod-security.kubernetes.io/enforce=privileged" in error.hint
    assert "SCC" in error.hint


def test_an_evicted_pod_is_transient_and_goes(
    nodes: KubernetesNodes, server: KubernetesApiServer, api: KubernetesApi
) -> None:
    nodes.run("n1", KEY, COMMAND)
    (name,) = server.pod_names()
    server.end_pod(name, reason="Evicted")

    error = refusal(nodes)

    assert (error.family, error.code) == ("transient", "kubernetes_pod_evicted")
    proof.pod_is_gone(api, "n1", KEY)


def test_a_pod_that_never_starts_is_given_up(server: KubernetesApiServer, api: KubernetesApi) -> None:
    server.waiting["busybox:1"] = "ContainerCreating"
    late = KubernetesNodes(SPEC, server.access, now=lambda: datetime.now(UTC) + timedelta(minutes=3))

    error = refusal(late)

    assert (error.family, error.code) == ("transient", "kubernetes_pod_pending")
    proof.pod_is_gone(api, "n1", KEY)


def test_leftovers_of_dead_runs_are_swept_and_those_of_others_stay(server: KubernetesApiServer) -> None:
    long_ago = KubernetesNodes(SPEC, server.access, now=lambda: datetime.now(UTC) - timedelta(days=1))
    long_ago.run("n1", "20261119T154300Z-m-000000-old", COMMAND)
    (old,) = server.pod_names()
    KubernetesNodes(SPEC, server.access).run("n1", "20261120T154300Z-m-000001-other", COMMAND)
    KubernetesNodes(SPEC, server.access).run("n1", KEY, COMMAND)

    deleted = [each for each in server.requests if each.startswith("DELETE")]

    assert [re.sub(".*/", "", each) for each in deleted] == [old] * len(deleted)
    assert deleted


def test_a_missing_right_is_named_with_its_rule(nodes: KubernetesNodes, server: KubernetesApiServer) -> None:
    server.rights = {("get", "nodes"), ("list", "nodes"), ("list", "pods"), ("get", "pods"), ("create", "pods")}

    error = refusal(nodes)

    assert error.code == "kubernetes_forbidden"
    assert "missing: get pods/exec in kube-system" in error.hint
    assert 'resources: ["pods/exec"], verbs: ["get", "create"]' in error.hint


def test_cancelling_on_a_node_that_is_away_removes_the_pod_and_is_no_error(
    nodes: KubernetesNodes, server: KubernetesApiServer
) -> None:
    nodes.run("n1", KEY, Command("sleep 60"))
    server.not_ready.add("n1")

    nodes.cancel("n1", KEY)

    assert any(each.startswith("DELETE") for each in server.requests)


def test_cancelling_a_run_removes_the_pods_of_its_steps_and_of_no_other(
    nodes: KubernetesNodes, server: KubernetesApiServer
) -> None:
    for key in ("run-1.snapshot.snapshot.1", "run-1.secrets.bundle.1", "run-11.secrets.bundle.1"):
        nodes.run("n1", key, Command("sleep 60"))

    nodes.cancel("n1", "run-1.")

    assert len([each for each in server.requests if each.startswith("DELETE")]) == 2
