"""The double of OpenShift's operators: what a restore or a replacement waits for moves as it does on a real cluster."""

import json
from collections.abc import Iterator

import pytest

from builders.openshift_node import OpenShiftCluster, OpenShiftNode, Operators, oc, openshift_cluster, operated
from builders.waiting import wait_for
from holdfast.errors import HoldfastError, PermanentError
from holdfast.local.machines.openshift.seed import machine

OVERRIDE = "useUnsupportedUnsafeNonHANonProductionUnstableEtcd"
INSTALLER = '{range .items[0].status.conditions[?(@.type=="NodeInstallerProgressing")]}{.reason}{"|"}{.message}{end}'
AVAILABLE = '{range .items[0].status.conditions[?(@.type=="EtcdMembersAvailable")]}{.message}{end}'


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftCluster]:
    with openshift_cluster(tmp_path_factory.mktemp("operators")) as made:
        yield made


@pytest.fixture
def operators(cluster: OpenShiftCluster) -> Iterator[Operators]:
    with operated(cluster) as running:
        yield running
    assert running.failures == []


def asked(cluster: OpenShiftCluster, kind: str, path: str) -> str:
    """ "" while the API does not answer, as it may when its etcd is rolled out."""
    try:
        return oc(cluster.nodes[0], "get", kind, f"-o=jsonpath={path}")
    except PermanentError:
        return ""


def force(cluster: OpenShiftCluster, kind: str, reason: str) -> None:
    patch = json.dumps({"spec": {"forceRedeploymentReason": reason}})
    oc(cluster.nodes[0], "patch", kind, "cluster", "--type=merge", "-p", patch)


def revisions(cluster: OpenShiftCluster) -> set[str]:
    labels = "{range .items[*]}{.metadata.labels.revision} {end}"
    return set(oc(cluster.nodes[0], "get", "pods", "-n", "openshift-etcd", f"-o=jsonpath={labels}").split())


def test_a_cluster_that_nobody_touches_is_settled(cluster: OpenShiftCluster, operators: Operators) -> None:
    del operators
    wait_for(lambda: asked(cluster, "etcd", AVAILABLE), "the API", 15)
    assert asked(cluster, "etcd", AVAILABLE) == "3 members are available"
    assert asked(cluster, "etcd", INSTALLER) == "AllNodesAtLatestRevision|3 nodes are at revision 3"
    assert "All clusteroperators are stable" in oc(
        cluster.nodes[0], "adm", "wait-for-stable-cluster", "--minimum-stable-period=1s", "--timeout=20s"
    )
    nodes = oc(cluster.nodes[0], "get", "nodes", "--no-headers").splitlines()
    assert [line.split()[1] for line in nodes] == ["Ready"] * 3


def test_a_forced_redeployment_comes_to_one_host_after_the_other(
    cluster: OpenShiftCluster, operators: Operators
) -> None:
    del operators
    force(cluster, "etcd", "test-1")
    seen: list[str] = []

    def finished() -> bool:
        said = asked(cluster, "etcd", INSTALLER)
        if said and said not in seen:
            seen.append(said)
        return said == "AllNodesAtLatestRevision|3 nodes are at revision 4"

    wait_for(finished, "the rollout", 60)
    assert any("at revision 3; " in said and "at revision 4" in said for said in seen), seen
    assert all(not said.startswith("All") for said in seen if "; " in said)
    wait_for(lambda: revisions(cluster) == {"4"}, "the pods", 10)


def test_a_rollout_may_be_stuck_or_an_operator_progress_for_ever(
    cluster: OpenShiftCluster, operators: Operators
) -> None:
    operators.knobs.stuck.add("kube-scheduler")
    operators.knobs.progressing.add("kube-controller-manager")
    force(cluster, "kubescheduler", "test-2")
    wait_for(lambda: "new revision 4" in asked(cluster, "kubescheduler", INSTALLER), "the rollout's beginning", 20)
    progressing = '{.status.conditions[?(@.type=="Progressing")].status}'
    for name in ("kube-scheduler", "kube-controller-manager"):
        wait_for(lambda name=name: asked(cluster, f"co/{name}", progressing) == "True", name, 10)  # type: ignore[misc]
    with pytest.raises(PermanentError, match="timed out waiting"):
        oc(cluster.nodes[0], "adm", "wait-for-stable-cluster", "--minimum-stable-period=1s", "--timeout=2s")
    operators.knobs.stuck.clear()
    operators.knobs.progressing.clear()
    done = "AllNodesAtLatestRevision|3 nodes are at revision 4"
    wait_for(lambda: asked(cluster, "kubescheduler", INSTALLER) == done, "the rollout", 60)


def test_a_new_machine_asks_for_two_certificates_and_becomes_a_member_while_the_guard_is_off(
    cluster: OpenShiftCluster, operators: Operators
) -> None:
    operators.knobs.approves = False
    first, lost = cluster.nodes[0], cluster.nodes[2]
    lost.stop()
    wait_for(lambda: "NotReady" in oc(first, "get", "node", lost.name), "the node's lease", 30)
    available = f"2 of 3 members are available, {lost.name} is unhealthy"
    wait_for(lambda: asked(cluster, "etcd", AVAILABLE) == available, "the condition", 20)
    known = {each.name: each.member_id for each in cluster.client().facts().members}
    before = asked(cluster, "etcd", INSTALLER)
    (container,) = first.run("crictl", "ps", "--name", "^etcd$", "-q").split()
    endpoint = f"ETCDCTL_ENDPOINTS={first.host.client_url}"
    first.run("crictl", "exec", container, "env", endpoint, "etcdctl", "member", "remove", known[lost.name])
    oc(first, "delete", "machine", f"test-x7k2p-{lost.name}", "-n", "openshift-machine-api", "--timeout=30s")
    assert lost.name not in oc(first, "get", "nodes")
    new = machine(cluster.release.version, "new", None)
    new |= {"apiVersion": "machine.openshift.io/v1beta1", "kind": "Machine"}
    new["metadata"]["namespace"] = "openshift-machine-api"
    oc(first, "apply", "-f", "-", text=json.dumps(new))
    for requestor in (
        "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper",
        "system:node:master-3",
    ):
        pending = wait_for(lambda: waiting(first), "a request", 30)
        assert [who for _, who in pending] == [requestor]
        oc(first, "adm", "certificate", "approve", pending[0][0])
        wait_for(lambda: not waiting(first) or waiting(first)[0][1] != requestor, "its approval", 10)  # noqa: B023
    wait_for(lambda: " Ready" in oc(first, "get", "node", "master-3", "--ignore-not-found"), "the node", 30)
    assert before == "AllNodesAtLatestRevision|3 nodes are at revision 4"
    assert "revision 5" not in asked(cluster, "etcd", INSTALLER), "no revision may begin with two voters"
    oc(first, "patch", "etcd/cluster", "--type=merge", "-p", override(on=True))
    wait_for(lambda: voters(cluster) == {"master-0", "master-1", "master-3"}, "the new member", 60)
    wait_for(lambda: asked(cluster, "etcd", INSTALLER).startswith("All"), "the rollout", 60)
    oc(first, "patch", "etcd/cluster", "--type=merge", "-p", override(on=False))
    for container_name in ("kube-apiserver", "kube-scheduler"):
        cluster.node("master-3").wait_until_runs(container_name)


def waiting(node: OpenShiftNode) -> list[tuple[str, str]]:
    """(name, requestor) of every request that nobody has answered."""
    listed = json.loads(oc(node, "get", "csr", "-o", "json"))["items"]
    unanswered = [each for each in listed if not each.get("status", {}).get("conditions")]
    return [(each["metadata"]["name"], each["spec"]["username"]) for each in unanswered]


def voters(cluster: OpenShiftCluster) -> set[str]:
    try:
        return {each.name for each in cluster.client().facts().members if not each.is_learner}
    except HoldfastError:
        return set()


def override(*, on: bool) -> str:
    return json.dumps({"spec": {"unsupportedConfigOverrides": {OVERRIDE: True} if on else None}})
