"""The scripts by which a member of OpenShift's etcd is replaced: over a double of its API and a real etcd of three."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.openshift_api import OpenShiftApi, openshift_api
from builders.restore_node import RestoreNode
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.machines.apiserver.kinds import Kind, kind_called
from holdfast.local.machines.oc.failures import OcError

MACHINES = "openshift-machine-api"
OLD, NEW = "prod-x7k2p-master-2", "prod-x7k2p-master-3"
LOST = "master-2"
NAMES = f"etcd-peer-{LOST} etcd-serving-{LOST} etcd-serving-metrics-{LOST}"
AT, ALL = "3 nodes are at revision 12", '3 "members" are available'


def kind(word: str) -> Kind:
    found = kind_called(word)
    assert found is not None
    return found


NODE, MACHINE, SECRET, ETCD, POD = kind("node"), kind("machine"), kind("secret"), kind("etcd"), kind("pod")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftApi]:
    with openshift_api(tmp_path_factory.mktemp("openshift")) as up:
        yield up


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    with LocalEtcd.start(tmp_path_factory.mktemp("three"), members=3) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def empty(server: OpenShiftApi) -> None:
    for each in (MACHINE, NODE, SECRET, ETCD, POD):
        for found in server.api.items(each):
            metadata = found["metadata"]
            if metadata.get("finalizers"):
                patch = {"metadata": {"finalizers": None}}
                server.api.patch(each, metadata.get("namespace", ""), metadata["name"], patch)
            delete(server, each, metadata.get("namespace", ""), metadata["name"])


def delete(server: OpenShiftApi, of: Kind, namespace: str, name: str) -> None:
    try:
        server.api.delete(of, namespace, name)
    except OcError as error:
        if "NotFound" not in str(error):
            raise


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path, server: OpenShiftApi) -> RestoreNode:
    return with_oc(RestoreNode(tmp_path / "node", request.param), server)


@pytest.fixture
def dash(tmp_path: Path, server: OpenShiftApi) -> RestoreNode:
    return with_oc(RestoreNode(tmp_path / "node", "dash"), server)


def with_oc(made: RestoreNode, server: OpenShiftApi) -> RestoreNode:
    """The host's kubeconfig is of its own place; here there is another one."""
    oc = f'shift 2\nexec {sys.executable} -m holdfast.local.machines.oc --kubeconfig {server.kubeconfig} "$@"\n'
    made.stubs = {"oc": oc, "etcdctl": f'exec {etcd_binary("etcdctl")} "$@"'}
    return made


def values(made: RestoreNode, **changes: str) -> dict[str, str]:
    usual = {"machine": OLD, "new_machine": NEW, "known": OLD, "secrets": NAMES, "node_name": LOST}
    quick = {"every_s": "1", "gone": "1", "instructions": ""}
    return {"keep": str(made.folder / "holdfast-old"), **usual, **quick, **changes}


def access(cluster: LocalEtcd, index: int = 0) -> dict[str, str]:
    files = {"ca": cluster.tls.ca, "cert": cluster.tls.cert, "key_file": cluster.tls.key}
    for name, text in files.items():
        (cluster.folder / name).write_text(text.get_secret_value())
    return {"how": "host", "endpoint": cluster.endpoints[index], **{name: str(cluster.folder / name) for name in files}}


def old_machine(**metadata: Any) -> dict[str, Any]:
    labels = {"machine.openshift.io/cluster-api-machine-role": "master", "a": "b"}
    hooks = {"preDrain": [{"name": "EtcdQuorumOperator", "owner": "clusteroperator/etcd"}]}
    given = {"value": {"ami": {"id": "ami-1"}, "note": 'a "quoted" {brace}, \\ and ]', "empty": {}, "none": []}}
    return {
        "apiVersion": MACHINE.api_version,
        "kind": "Machine",
        "metadata": {"name": OLD, "namespace": MACHINES, "labels": labels, "annotations": {"x": "y"}, **metadata},
        "spec": {"lifecycleHooks": hooks, "metadata": {}, "providerID": "aws:///a/i-1", "providerSpec": given},
    }


def has_machine(server: OpenShiftApi, **metadata: Any) -> dict[str, Any]:
    made = server.api.create(MACHINE, MACHINES, old_machine(**metadata))
    made["status"] = {"phase": "Running", "nodeRef": {"name": LOST}}
    return dict(server.api.replace(MACHINE, MACHINES, made, subresource="status"))


def runs(server: OpenShiftApi, name: str, *, of: str = "master-3", ready: str = "True") -> None:
    """What the provider and the new node's kubelet do."""
    made = server.api.get(MACHINE, MACHINES, name)
    made["status"] = {"phase": "Running", "nodeRef": {"name": of}}
    server.api.replace(MACHINE, MACHINES, made, subresource="status")
    has_node(server, of, ready)


def has_node(server: OpenShiftApi, name: str = LOST, ready: str = "True") -> None:
    conditions = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}]
    made = server.api.create(NODE, "", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    made["status"] = {"conditions": conditions}
    server.api.replace(NODE, "", made, subresource="status")


def test_a_machine_is_made_of_the_old_ones_labels_and_spec_alone(node: RestoreNode, server: OpenShiftApi) -> None:
    old = has_machine(server, finalizers=["machine.machine.openshift.io"], ownerReferences=[])
    report = node.done("openshift/save_machine", **values(node))
    made = json.loads(Path(report["kept"]).read_text())
    assert made["metadata"] == {"name": NEW, "namespace": MACHINES, "labels": old["metadata"]["labels"]}
    assert made["spec"] == {name: value for name, value in old["spec"].items() if name != "providerID"}
    assert set(made) == {"apiVersion", "kind", "metadata", "spec"}


@pytest.mark.parametrize(
    "spec", [{"providerID": "x", "providerSpec": {"a": 1}}, {"providerSpec": {"a": 1}, "z": ["}"]}]
)
def test_whatever_the_last_key_is_the_manifest_is_json(spec: Any, dash: RestoreNode, server: OpenShiftApi) -> None:
    manifest = old_machine() | {"spec": spec}
    del manifest["metadata"]["labels"]
    server.api.create(MACHINE, MACHINES, manifest)
    report = dash.done("openshift/save_machine", **values(dash))
    made = json.loads(Path(report["kept"]).read_text())
    assert made["spec"] == {name: value for name, value in spec.items() if name != "providerID"}
    assert made["metadata"] == {"name": NEW, "namespace": MACHINES}


def test_a_machine_without_a_provider_spec_is_not_copied(dash: RestoreNode, server: OpenShiftApi) -> None:
    server.api.create(MACHINE, MACHINES, old_machine() | {"spec": {"providerID": "x"}})
    assert dash.run("openshift/save_machine", **values(dash)).code == "openshift_machine_unreadable"
    assert dash.run("openshift/save_machine", **values(dash, machine="gone")).code == "openshift_machine_unknown"


def test_saving_a_machine_is_taken_back(dash: RestoreNode, server: OpenShiftApi) -> None:
    has_machine(server)
    kept = Path(dash.done("openshift/save_machine", **values(dash))["kept"])
    dash.done("openshift/forget_machine", **values(dash))
    assert not kept.parent.exists()
    dash.done("openshift/forget_machine", **values(dash))


def test_a_new_machine_is_created_and_waited_for(node: RestoreNode, server: OpenShiftApi) -> None:
    has_machine(server)
    node.done("openshift/save_machine", **values(node))
    ended = node.run("openshift/create_machine", **values(node))
    assert ended.code == "openshift_machine_not_ready"
    made = server.api.get(MACHINE, MACHINES, NEW)
    assert "providerID" not in made["spec"]
    runs(server, NEW, ready="Unknown")
    ended = node.run("openshift/create_machine", **values(node))
    assert (ended.code, "Unknown" in ended.report["message"]) == ("openshift_machine_not_ready", True)
    delete(server, NODE, "", "master-3")
    runs(server, NEW)
    assert node.done("openshift/create_machine", **values(node)) == {"machine": NEW, "node": "master-3"}
    assert server.api.get(MACHINE, MACHINES, NEW)["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_machine_that_fails_is_told_with_its_providers_words(dash: RestoreNode, server: OpenShiftApi) -> None:
    has_machine(server)
    dash.done("openshift/save_machine", **values(dash))
    dash.run("openshift/create_machine", **values(dash))
    made = server.api.get(MACHINE, MACHINES, NEW)
    made["status"] = {"phase": "Failed", "errorMessage": "no capacity"}
    server.api.replace(MACHINE, MACHINES, made, subresource="status")
    ended = dash.run("openshift/create_machine", **values(dash))
    assert ended.code == "openshift_machine_not_ready"
    assert "no capacity" in ended.report["message"]


def test_a_machine_is_deleted_and_gone_is_gone(node: RestoreNode, server: OpenShiftApi) -> None:
    has_machine(server)
    node.done("openshift/save_machine", **values(node))
    assert node.done("openshift/delete_machine", **values(node))["machine"] == OLD
    assert server.api.items(MACHINE, MACHINES) == []
    node.done("openshift/delete_machine", **values(node))


def test_a_machine_that_stays_is_told_with_what_holds_it(dash: RestoreNode, server: OpenShiftApi) -> None:
    has_machine(server, finalizers=["machine.machine.openshift.io"])
    dash.done("openshift/save_machine", **values(dash))
    ended = dash.run("openshift/delete_machine", **values(dash))
    assert ended.code == "openshift_machine_stays"
    assert "machine.machine.openshift.io" in ended.report["message"]
    assert "EtcdQuorumOperator" in ended.report["message"]
    assert dash.done("openshift/delete_machine", **values(dash, gone=""))["machine"] == OLD


def test_a_machine_set_has_done_its_work_when_the_new_one_runs_and_the_old_one_is_gone(
    node: RestoreNode, server: OpenShiftApi
) -> None:
    has_machine(server)
    assert node.run("openshift/await_machine", **values(node)).code == "openshift_machine_not_ready"
    server.api.create(MACHINE, MACHINES, old_machine(name="prod-x7k2p-master-abc-2"))
    runs(server, "prod-x7k2p-master-abc-2")
    ended = node.run("openshift/await_machine", **values(node))
    assert "still there" in ended.report["message"]
    server.api.delete(MACHINE, MACHINES, OLD)
    assert node.done("openshift/await_machine", **values(node))["machine"] == "prod-x7k2p-master-abc-2"


def test_a_machine_that_a_person_has_to_make_is_told_and_then_taken(dash: RestoreNode, server: OpenShiftApi) -> None:
    given = values(dash, machine="", known="a b", instructions="1) oc apply a Machine.")
    ended = dash.run("openshift/await_machine", **given)
    assert (ended.code, ended.report["message"][-22:]) == ("member_host_awaited", "1) oc apply a Machine.")
    server.api.create(MACHINE, MACHINES, old_machine(name="c"))
    runs(server, "c")
    assert dash.done("openshift/await_machine", **given)["machine"] == "c"


def test_a_host_that_is_not_back_stops_the_run_with_what_has_to_be_done(
    node: RestoreNode, server: OpenShiftApi
) -> None:
    ended = node.run("openshift/await_host", **values(node, instructions="1) oc delete node master-2; 2) install it"))
    assert ended.code == "member_host_awaited"
    assert ended.report["message"].endswith("1) oc delete node master-2; 2) install it")
    has_node(server, ready="False")
    assert node.run("openshift/await_host", **values(node, instructions="x")).code == "member_host_awaited"
    delete(server, NODE, "", LOST)
    has_node(server)
    assert node.done("openshift/await_host", **values(node, instructions="x")) == {"node": LOST}


def has_secrets(server: OpenShiftApi, *names: str) -> None:
    for name in names:
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "openshift-etcd"}}
        server.api.create(SECRET, "openshift-etcd", made)


def secrets(server: OpenShiftApi) -> set[str]:
    return {each["metadata"]["name"] for each in server.api.items(SECRET, "openshift-etcd")}


def test_the_three_secrets_of_a_member_go_and_no_other_one(node: RestoreNode, server: OpenShiftApi) -> None:
    has_secrets(server, *NAMES.split(), "etcd-peer-master-1", f"etcd-peer-{LOST}0")
    assert node.done("openshift/delete_secrets", **values(node))["deleted"] == NAMES.split()
    assert secrets(server) == {"etcd-peer-master-1", f"etcd-peer-{LOST}0"}


def test_secrets_that_the_operator_made_anew_are_left_by_a_second_try(node: RestoreNode, server: OpenShiftApi) -> None:
    has_secrets(server, *NAMES.split())
    node.done("openshift/delete_secrets", **values(node))
    has_secrets(server, f"etcd-peer-{LOST}")
    assert node.done("openshift/delete_secrets", **values(node))["deleted"] == NAMES.split()
    assert secrets(server) == {f"etcd-peer-{LOST}"}


def test_a_cluster_that_has_none_of_the_secrets_is_no_failure(dash: RestoreNode) -> None:
    assert dash.done("openshift/delete_secrets", **values(dash))["deleted"] == []


@pytest.mark.parametrize("script", ["delete_secrets", "delete_machine", "save_machine"])
def test_an_api_that_is_silent_is_told_and_nothing_is_noted(script: str, dash: RestoreNode) -> None:
    said = "The connection to the server localhost:6443 was refused - did you specify the right host or port?"
    dash.stubs["oc"] = f"echo '{said}' >&2; exit 1"
    ended = dash.run(f"openshift/{script}", **values(dash, gone=""))
    assert ended.code == "openshift_api_silent"
    assert "was refused" in ended.report["message"]
    assert not list((dash.folder / "holdfast-old").glob("*"))


def id_of(cluster: LocalEtcd, name: str) -> str:
    lines = [line.split(", ") for line in cluster.etcdctl("member", "list").splitlines()]
    return next(fields[0] for fields in lines if fields[2] == name)


def test_a_member_that_answers_is_not_lost_any_more(node: RestoreNode, server: OpenShiftApi, three: LocalEtcd) -> None:
    given = values(node, **access(three), member_id=id_of(three, "etcd-2"), node_wanted="lost", corrupt="")
    ended = node.run("openshift/still_lost", **given)
    assert ended.code == "member_returned"
    assert "answers again" in ended.report["message"]
    has_node(server, ready="Unknown")
    corrupt = values(node, **access(three), member_id=id_of(three, "etcd-2"), node_wanted="lost", corrupt="1")
    assert node.done("openshift/still_lost", **corrupt) == {"voters": 3, "healthy": 2}


@pytest.mark.parametrize(
    ("wanted", "ready", "code"),
    [
        ("lost", "True", "member_returned"),
        ("lost", "Unknown", ""),
        ("lost", "", ""),
        ("ready", "True", ""),
        ("ready", "False", "member_returned"),
        ("ready", "", "member_returned"),
    ],
)
def test_the_node_must_be_in_the_state_that_the_plan_is_for(
    wanted: str, ready: str, code: str, dash: RestoreNode, server: OpenShiftApi, three: LocalEtcd
) -> None:
    if ready:
        has_node(server, ready=ready)
    ended = dash.run(
        "openshift/still_lost", **values(dash, **access(three), member_id="", node_wanted=wanted, corrupt="")
    )
    assert (ended.code if ended.exit_code else "") == code


def test_a_member_that_was_added_anew_under_its_name_is_not_lost(
    dash: RestoreNode, server: OpenShiftApi, three: LocalEtcd
) -> None:
    """By the operator, or by a person: its id is another one than the plan's, or the plan knew none."""
    has_node(server, "etcd-2")
    for before in ("", "abcdef"):
        given = {"member_id": before, "node_name": "etcd-2", "node_wanted": "ready", "corrupt": ""}
        ended = dash.run("openshift/still_lost", **values(dash, **access(three)) | given)
        assert ended.code == "member_returned"
        assert "added anew" in ended.report["message"]


def test_a_member_that_came_back_after_the_last_look_is_not_removed(dash: RestoreNode, three: LocalEtcd) -> None:
    """A run that stopped between the two is resumed when somebody comes to it."""
    given = access(three) | {"name": "etcd-2", "member_id": id_of(three, "etcd-2"), "limit_s": "5"}
    assert dash.run("remove_member", **given, lost="1").code == "member_returned"
    assert "etcd-2" in three.etcdctl("member", "list")


def test_no_machine_is_deleted_whose_successors_manifest_is_gone(dash: RestoreNode, server: OpenShiftApi) -> None:
    has_machine(server)
    assert dash.run("openshift/delete_machine", **values(dash)).code == "openshift_machine_unknown"
    assert len(server.api.items(MACHINE, MACHINES)) == 1


def has_etcd(
    server: OpenShiftApi,
    *,
    available: str = "True",
    count: str = ALL,
    reason: str = "AllNodesAtLatestRevision",
    at: str,
) -> None:
    delete(server, ETCD, "", "cluster")
    made = server.api.create(
        ETCD, "", {"apiVersion": ETCD.api_version, "kind": "Etcd", "metadata": {"name": "cluster"}}
    )
    conditions = [
        {"type": "EtcdMembersAvailable", "status": available, "message": count},
        {"type": "NodeInstallerProgressing", "status": "False", "reason": reason, "message": at},
    ]
    made["status"] = {"conditions": conditions}
    server.api.replace(ETCD, "", made, subresource="status")


def has_pods(server: OpenShiftApi, ready: int, unready: int = 0) -> None:
    for number in range(ready + unready):
        metadata = {"name": f"etcd-master-{number}", "namespace": "openshift-etcd", "labels": {"k8s-app": "etcd"}}
        made = server.api.create(POD, "openshift-etcd", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
        state = "True" if number < ready else "False"
        made["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": state}]}
        server.api.replace(POD, "openshift-etcd", made, subresource="status")


def test_a_cluster_is_settled_when_pods_members_and_revisions_say_so(
    node: RestoreNode, server: OpenShiftApi, three: LocalEtcd
) -> None:
    has_pods(server, 3)
    has_etcd(server, at=AT)
    given = values(node, **access(three), voters="3")
    assert node.done("openshift/members_settled", **given) == {"voters": 3, "pods": 3, "revision": 12}


@pytest.mark.parametrize(
    ("pods", "changes", "words"),
    [
        ((2, 1), {"at": AT}, "2 of 3 etcd pods are Ready"),
        ((4, 0), {"at": AT}, "4 of 4 etcd pods are Ready, 3 are wanted"),
        ((3, 0), {"at": AT, "available": "False"}, "EtcdMembersAvailable is False"),
        ((3, 0), {"at": AT, "count": "2 of 3 members are available, m is unhealthy"}, "m is unhealthy"),
        ((3, 0), {"at": "2 nodes are at revision 11; 1 nodes are at revision 12"}, "revision 11"),
        ((3, 0), {"at": AT, "reason": "InstallerPodsRunning"}, "InstallerPodsRunning"),
        ((3, 0), {"at": ""}, "NodeInstallerProgressing"),
    ],
)
def test_what_has_not_settled_is_told(
    pods: Any, changes: Any, words: str, dash: RestoreNode, server: OpenShiftApi, three: LocalEtcd
) -> None:
    has_pods(server, *pods)
    has_etcd(server, **changes)
    ended = dash.run("openshift/members_settled", **values(dash, **access(three), voters="3", limit_s="0"))
    assert ended.code == "members_not_settled"
    assert words in ended.report["message"]


def reason(server: OpenShiftApi) -> str:
    return str(server.api.get(ETCD, "", "cluster").get("spec", {}).get("forceRedeploymentReason", ""))


def test_members_that_come_by_themselves_need_no_redeployment(
    node: RestoreNode, server: OpenShiftApi, three: LocalEtcd
) -> None:
    has_etcd(server, at="")
    given = values(node, **access(three), voters="3", patience_s="60", reason="holdfast-r-1")
    assert node.done("openshift/rejoin", **given) == {"voters": 3, "healthy": 3, "redeployed": False}
    assert reason(server) == ""


def test_members_that_do_not_come_are_asked_for_once(dash: RestoreNode, server: OpenShiftApi, three: LocalEtcd) -> None:
    has_pods(server, 2, 1)
    has_etcd(server, at="")
    given = values(dash, **access(three), voters="4", patience_s="1", reason="holdfast-r-1", limit_s="4")
    ended = dash.run("openshift/rejoin", **given)
    assert ended.code == "member_not_joined"
    assert "3 of 3 voters are healthy, 4 are wanted" in ended.report["message"]
    assert "etcd-master-2 Running False" in ended.report["message"]
    assert reason(server) == "holdfast-r-1"
    generation = server.api.get(ETCD, "", "cluster")["metadata"]["generation"]
    dash.run("openshift/rejoin", **given)
    assert server.api.get(ETCD, "", "cluster")["metadata"]["generation"] == generation


def test_a_sound_node_is_deployed_to_at_once(dash: RestoreNode, server: OpenShiftApi, three: LocalEtcd) -> None:
    has_etcd(server, at="")
    given = values(dash, **access(three), voters="3", patience_s="0", reason="holdfast-r-2")
    assert dash.done("openshift/rejoin", **given)["redeployed"] is True
    assert reason(server) == "holdfast-r-2"
