"""What the API says, read without a server: refusals, etcd's command lines, the states of a pod."""

import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.errors import HoldfastError
from holdfast.transports.kubernetes.failures import answered, not_connected
from holdfast.transports.kubernetes.node_pod import is_overdue, node_pod, pod_name, state_of
from holdfast.transports.kubernetes.pods import control_plane_nodes, etcd_pods

NOW = datetime(2026, 11, 20, 15, 43, tzinfo=UTC)


class Api:
    """The two lists that pods.py reads."""

    server = "api.example:6443"

    def __init__(self, pods: list[dict[str, Any]] | None = None, nodes: list[dict[str, Any]] | None = None) -> None:
        self._pods = pods or []
        self._nodes = nodes or []

    def pods(self, namespace: str, *, labels: str = "") -> list[dict[str, Any]]:
        assert labels
        return [each for each in self._pods if each["metadata"]["namespace"] == namespace]

    def nodes(self, *, labels: str) -> list[dict[str, Any]]:
        return [each for each in self._nodes if labels in each["metadata"]["labels"]]


def etcd(*command: str, args: tuple[str, ...] = (), namespace: str = "kube-system") -> dict[str, Any]:
    containers = [{"name": "etcdctl", "command": ["sleep"]}, {"name": "etcd", "command": [*command], "args": [*args]}]
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    metadata = {"name": "etcd-n1", "namespace": namespace}
    return {"metadata": metadata, "spec": {"nodeName": "n1", "containers": containers}, "status": ready}


@pytest.mark.parametrize(
    "pod",
    [
        etcd("etcd", "--advertise-client-urls=https://10.0.0.1:2379,https://[fd00::1]:2379"),
        etcd("etcd", args=("--advertise-client-urls", "https://10.0.0.1:2379,https://[fd00::1]:2379")),
        etcd("/bin/sh", "-c", "exec etcd --advertise-client-urls=https://10.0.0.1:2379,https://[fd00::1]:2379 --x"),
        etcd(
            "etcd", "--advertise-client-urls=https://10.0.0.1:2379,https://[fd00::1]:2379", namespace="openshift-etcd"
        ),
    ],
)
def test_the_client_urls_of_a_pod_are_read_from_its_command_line(pod: dict[str, Any]) -> None:
    (found,) = etcd_pods(Api([pod]))  # type: ignore[arg-type]

    assert found.urls == ("https://10.0.0.1:2379", "https://[fd00::1]:2379")
    assert (found.node, found.container.name, found.ready) == ("n1", "etcd", True)


@pytest.mark.parametrize(
    ("said", "urls"),
    [
        ("--advertise-client-urls=https://${NODE_m_0_ETCD_URL_HOST}:2379 \\\n --x", ("https://10.0.0.1:2379",)),
        ('--advertise-client-urls="$CLIENT" --x', ("https://10.0.0.1:2379",)),
        ("--advertise-client-urls=https://${NODE_m_1_IP}:2379", ()),
    ],
)
def test_variables_of_openshifts_script_are_the_containers_own(said: str, urls: tuple[str, ...]) -> None:
    pod = etcd("/bin/sh", "-c", f"exec nice -n -19 etcd \\\n {said}", namespace="openshift-etcd")
    env = {"NODE_m_0_ETCD_URL_HOST": "10.0.0.1", "CLIENT": "https://10.0.0.1:2379"}
    pod["spec"]["containers"][1]["env"] = [{"name": name, "value": value} for name, value in env.items()]
    (found,) = etcd_pods(Api([pod]))  # type: ignore[arg-type]

    assert found.urls == urls


def test_a_pod_that_names_no_url_has_none() -> None:
    (found,) = etcd_pods(Api([etcd("etcd", "--advertise-client-urls")]))  # type: ignore[arg-type]

    assert found.urls == ()


def test_control_plane_nodes_have_either_label() -> None:
    def node(name: str, *labels: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "labels": dict.fromkeys(labels, "")}}

    new, old = "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"
    nodes = [node("c", new), node("b", old), node("a", new, old), node("worker", "node-role.kubernetes.io/worker")]

    assert control_plane_nodes(Api(nodes=nodes)) == ("a", "b", "c")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "family", "code"),
    [
        (400, "permanent", "kubernetes_refused"),
        (401, "permanent", "kubernetes_unauthorized"),
        (404, "permanent", "kubernetes_not_found"),
        (409, "transient", "kubernetes_unreachable"),
        (422, "permanent", "kubernetes_refused"),
        (429, "transient", "kubernetes_unreachable"),
        (500, "transient", "kubernetes_unreachable"),
        (503, "transient", "kubernetes_unreachable"),
    ],
)
def test_an_answers_status_decides(status: int, family: str, code: str) -> None:
    error = answered("list the pods", status, json.dumps({"message": "the server's words"}).encode())

    assert (error.family, error.code) == (family, code)
    assert "the server's words" in error.message


@pytest.mark.parametrize("body", [b"", b"<html>\n<h1>Sign in</h1>", b'["x"]', b"\xff\xfe", b'{"message": null}'])
def test_an_answer_that_is_no_status_object_is_still_told(body: bytes) -> None:
    assert answered("list the pods", 503, body).message.startswith("could not list the pods: ")


def test_a_right_for_the_whole_cluster_needs_a_cluster_role() -> None:
    words = 'nodes is forbidden: User "u" cannot list resource "nodes" in API group "" at the cluster scope'
    error = answered("list the nodes", 403, json.dumps({"message": words}).encode())

    assert error.code == "kubernetes_forbidden"
    assert error.hint.startswith("missing: list nodes in the whole cluster; a ClusterRole grants it")


def test_a_right_of_another_api_group_is_named_with_it() -> None:
    words = 'User "u" cannot get resource "etcds" in API group "operator.openshift.io" in the namespace "ns"'
    error = answered("read etcd", 403, words.encode())

    assert 'apiGroups: ["operator.openshift.io"], resources: ["etcds"], verbs: ["get"]' in error.hint


def test_a_port_without_tls_is_told_apart_from_a_foreign_certificate() -> None:
    plain = ssl.SSLError(1, "wrong version number")
    plain.reason = "WRONG_VERSION_NUMBER"
    foreign = ssl.SSLCertVerificationError("self-signed")
    foreign.verify_message = "self-signed certificate"

    assert "does not speak TLS" in not_connected("api", plain).message
    assert "self-signed certificate" in not_connected("api", foreign).message


def test_a_step_and_its_node_name_the_pod() -> None:
    assert pod_name("n1", "key") == pod_name("n1", "key")
    assert len({pod_name("n1", "key"), pod_name("n2", "key"), pod_name("n1", "other"), pod_name("n1/key", "")}) == 4
    assert len(pod_name("n" * 63, "k" * 200)) <= 63


def test_a_pod_is_overdue_after_its_own_deadline_and_no_pod_of_somebody_else() -> None:
    pod = node_pod("n1", "holdfast-x", "busybox", now=NOW, lifetime_s=600)

    assert not is_overdue(pod, NOW + timedelta(seconds=599))
    assert is_overdue(pod, NOW + timedelta(seconds=601))
    assert not is_overdue({"metadata": {"name": "other"}}, NOW + timedelta(days=9))


def pod_with(status: dict[str, Any], **metadata: str) -> dict[str, Any]:
    named = {"name": "holdfast-x", "namespace": "kube-system", "creationTimestamp": "2026-11-20T15:42:00Z"}
    return {"metadata": named | metadata, "spec": {"nodeName": "n1"}, "status": status}


def container(**state: Any) -> list[dict[str, Any]]:
    return [{"name": "node", "state": state}]


READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("pod", "state"),
    [
        (pod_with({}), "waiting"),
        (pod_with({"phase": "Pending", "containerStatuses": container(waiting={"reason": "ErrImagePull"})}), "waiting"),
        (pod_with({"phase": "Running"}), "waiting"),
        (pod_with({"phase": "Running", "conditions": READY}), "ready"),
        (pod_with({"phase": "Running", "conditions": READY}, deletionTimestamp="2026-11-20T15:42:59Z"), "waiting"),
        (pod_with({"phase": "Failed", "reason": "DeadlineExceeded"}), "ended"),
        (pod_with({"phase": "Succeeded", "containerStatuses": container(terminated={"reason": "Completed"})}), "ended"),
        (pod_with({"phase": "Failed", "containerStatuses": container(terminated={"reason": "OOMKilled"})}), "ended"),
    ],
)
def test_the_states_of_a_pod(pod: dict[str, Any], state: str) -> None:
    assert state_of(pod, NOW) == state


@pytest.mark.parametrize(
    ("pod", "code"),
    [
        (pod_with({"phase": "Failed", "reason": "Evicted", "message": "low on disk"}), "kubernetes_pod_evicted"),
        (pod_with({"phase": "Failed", "reason": "OutOfpods"}), "kubernetes_pod_evicted"),
        (
            pod_with({"phase": "Failed", "containerStatuses": container(terminated={"reason": "StartError"})}),
            "kubernetes_pod_failed",
        ),
        (pod_with({"phase": "Pending"}, creationTimestamp="2026-11-20T15:40:00Z"), "kubernetes_pod_pending"),
        (pod_with({"phase": "Running"}, deletionTimestamp="2026-11-20T15:40:00Z"), "kubernetes_pod_pending"),
    ],
)
def test_what_is_wrong_with_a_pod(pod: dict[str, Any], code: str) -> None:
    with pytest.raises(HoldfastError) as caught:
        state_of(pod, NOW)
    assert caught.value.code == code
