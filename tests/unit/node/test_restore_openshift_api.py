"""What is asked of OpenShift's API and of a lone etcd after a restore: rollouts, the quorum guard, stability. The API
is down, slow or half way most of that time."""

from pathlib import Path

import pytest

from builders.openshift_restore_host import REFUSED, OpenShiftNode
from builders.shell import Shell
from builders.waiting import wait_for

OVERRIDE = "useUnsupportedUnsafeNonHANonProductionUnstableEtcd"
OFF = {"spec": {"unsupportedConfigOverrides": {OVERRIDE: True}}}
ON = {"spec": {"unsupportedConfigOverrides": {OVERRIDE: None}}}
NONE = {"spec": {"unsupportedConfigOverrides": None}}


@pytest.fixture(params=["dash", "busybox"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> OpenShiftNode:
    return OpenShiftNode(tmp_path / "host", request.param)


def at(host: OpenShiftNode, message: str, reason: str = "AllNodesAtLatestRevision", kind: str = "etcd") -> None:
    host.says(f"{kind}.reason", reason)
    host.says(f"{kind}.message", message)


def rolls_out_to(host: OpenShiftNode, message: str, kind: str = "etcd") -> None:
    host.says("on-patch", f"echo '{message}' >{host.folder}/api/{kind}.message")


def test_a_rollout_is_asked_for_and_waited_for_until_all_are_at_one_newer_revision(host: OpenShiftNode) -> None:
    at(host, "3 nodes are at revision 6")
    rolls_out_to(host, "3 nodes are at revision 7")
    assert host.done("redeploy") == {"kind": "etcd", "before": 6, "revision": 7}
    assert host.patches() == [{"spec": {"forceRedeploymentReason": host.values("openshift/redeploy")["reason"]}}]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("3 nodes are at revision 6", "AllNodesAtLatestRevision"),
        ("1 nodes are at revision 6; 2 nodes are at revision 7", "AllNodesAtLatestRevision"),
        ("3 nodes are at revision 6; 0 nodes have achieved new revision 7", ""),
        ("2 nodes are at revision 6; 1 nodes are at revision 7", ""),
        ("3 nodes are at revision 7", ""),
        ("", "AllNodesAtLatestRevision"),
    ],
)
def test_a_rollout_that_is_not_over_is_not_taken_for_one(host: OpenShiftNode, message: str, reason: str) -> None:
    at(host, "3 nodes are at revision 6")
    host.says(
        "on-patch", f"echo '{message}' >{host.folder}/api/etcd.message; echo '{reason}' >{host.folder}/api/etcd.reason"
    )
    ended = host.run("redeploy")
    assert ended.code == "openshift_rollout_stuck"
    assert "before: revision 6" in ended.report["message"]


def test_a_rollout_that_was_under_way_before_is_not_the_one_that_was_asked_for(host: OpenShiftNode) -> None:
    at(host, "1 nodes are at revision 6; 2 nodes are at revision 7", "")
    rolls_out_to(host, "3 nodes are at revision 7")
    host.says("etcd.reason", "AllNodesAtLatestRevision")
    assert host.run("redeploy").code == "openshift_rollout_stuck"


def test_a_step_that_is_resumed_compares_with_what_was_there_before_it_first_asked(host: OpenShiftNode) -> None:
    at(host, "3 nodes are at revision 6")
    assert host.run("redeploy").code == "openshift_rollout_stuck"
    at(host, "3 nodes are at revision 7")
    assert host.done("redeploy") == {"kind": "etcd", "before": 6, "revision": 7}
    reasons = {patch["spec"]["forceRedeploymentReason"] for patch in host.patches()}
    assert len(reasons) == 1


def test_each_component_has_its_own_revisions(host: OpenShiftNode) -> None:
    for number, kind in enumerate(("etcd", "kubeapiserver", "kubecontrollermanager", "kubescheduler"), start=3):
        at(host, f"3 nodes are at revision {number}", kind=kind)
        rolls_out_to(host, f"3 nodes are at revision {number + 1}", kind)
        assert host.done("redeploy", kind=kind) == {"kind": kind, "before": number, "revision": number + 1}


def test_an_api_that_is_away_for_a_while_ends_no_rollout(host: OpenShiftNode) -> None:
    at(host, "3 nodes are at revision 6")
    rolls_out_to(host, "3 nodes are at revision 7")
    host.says("down", "")
    with host.program("redeploy", limit_s="30").start() as process:
        wait_for(lambda: (host.folder / "step.bin.0").exists(), "it began")
        (host.folder / "api/down").unlink()
        stdout, stderr = process.communicate(timeout=40)
    assert (process.returncode, '"revision":7' in stdout) == (0, True), stderr


def test_an_api_that_stays_away_is_told_in_its_own_words(host: OpenShiftNode) -> None:
    host.says("down", "")
    for script in ("redeploy", "guard_off", "guard_on", "api_back"):
        ended = host.run(script)
        assert ended.code == "openshift_api_silent"
        assert REFUSED[:40] in ended.report["message"]


def guarded(host: OpenShiftNode, *, others: str = "") -> None:
    """Merge patches take effect: the override comes and goes, others stay."""
    state = host.folder / "api"
    host.says("overrides", others or "{}")
    host.says(
        "on-patch",
        f"""case "$*" in
        *'":true}}'*) echo true >{state}/override; echo '{{"{OVERRIDE}":true}}' >{state}/overrides ;;
        *'":null}}'*) rm -f {state}/override; echo '{others or "{}"}' >{state}/overrides ;;
        *'Overrides":null}}'*) rm -f {state}/override; : >{state}/overrides ;;
        esac
        """,
    )


def test_the_guard_is_turned_off_and_on_again(host: OpenShiftNode) -> None:
    guarded(host)
    assert host.done("guard_off") == {"guard": "off", "was": "on"}
    assert host.done("guard_off") == {"guard": "off", "was": "on"}
    assert host.done("guard_on") == {"guard": "on", "was": "on"}
    assert host.patches() == [OFF, ON, NONE]


def test_overrides_of_other_names_stay(host: OpenShiftNode) -> None:
    guarded(host, others='{"other":"1"}')
    host.done("guard_off")
    host.done("guard_on")
    assert host.patches() == [OFF, ON]


def test_trap_a_guard_that_does_not_turn_on_is_a_failure(host: OpenShiftNode) -> None:
    """A cluster that is left without it may lose its quorum in an ordinary rollout."""
    guarded(host)
    host.done("guard_off")
    host.says("on-patch", "exit 0\n")
    assert host.run("guard_on").code == "openshift_api_silent"


@pytest.mark.parametrize("was", ["on", "off"])
def test_taking_it_back_leaves_the_guard_as_it_was(host: OpenShiftNode, was: str) -> None:
    guarded(host)
    if was == "off":
        host.says("override", "true")
    assert host.done("guard_off")["was"] == was
    assert host.done("guard_put_back") == {"guard": was, "was": was}
    assert (host.folder / "api/override").exists() is (was == "off")
    assert not host.keep.exists()


def test_a_guard_that_was_never_turned_off_is_left_on(host: OpenShiftNode) -> None:
    guarded(host)
    assert host.done("guard_put_back") == {"guard": "on", "was": "on"}


WELL = "etcd True False False\nkube-apiserver True False False\n"


def test_the_cluster_is_waited_for_by_oc_where_it_knows_how(host: OpenShiftNode) -> None:
    host.says("can-wait", "echo All clusteroperators are stable\n")
    assert host.done("wait_stable", limit_s="5") == {"stable": True, "by": "oc"}


def test_oc_is_asked_again_when_the_api_ended_its_wait(host: OpenShiftNode) -> None:
    """While API servers are replaced, its own questions fail."""
    state = host.folder / "api"
    host.says(
        "can-wait",
        f"[ -e {state}/once ] && exit 0; : >{state}/once; echo 'Unable to connect to the server: EOF'; exit 1\n",
    )
    assert host.done("wait_stable", limit_s="10") == {"stable": True, "by": "oc"}


def test_an_older_oc_is_replaced_by_looking_at_the_operators_for_a_while(host: OpenShiftNode) -> None:
    host.says("operators", WELL)
    assert host.done("wait_stable", limit_s="10", stable_s="2") == {"stable": True, "by": "looking"}


@pytest.mark.parametrize(
    "state", ["False False False", "True True False", "True False True", "Unknown False False", ""]
)
def test_an_operator_that_is_not_well_keeps_the_cluster_from_being_stable(host: OpenShiftNode, state: str) -> None:
    host.says("operators", f"{WELL}dns {state}\n")
    ended = host.run("wait_stable", stable_s="0")
    assert ended.code == "openshift_not_stable"
    assert "dns" in ended.report["message"]


def test_operators_are_named_when_oc_waited_in_vain(host: OpenShiftNode) -> None:
    host.says("can-wait", "sleep 1; echo timed out; exit 1\n")
    host.says("operators", f"{WELL}dns True True False\n")
    ended = host.run("wait_stable", limit_s="2")
    assert (ended.code, "dns" in ended.report["message"]) == ("openshift_not_stable", True)


def test_the_api_is_back_when_it_says_so_and_one_etcd_pod_runs(host: OpenShiftNode) -> None:
    host.says("readyz", "ok")
    assert host.done("api_back") == {"ready": True}
    host.says("pods", "etcd-m1 Running\n")
    assert host.done("api_back", alone="1") == {"ready": True}


@pytest.mark.parametrize("pods", ["etcd-m1 Running\netcd-m2 Running\n", "etcd-m1 Pending\n", ""])
def test_several_pods_or_one_that_is_pending_are_waited_for(host: OpenShiftNode, pods: str) -> None:
    host.says("readyz", "ok")
    host.says("pods", pods)
    assert host.run("api_back", alone="1").code == "openshift_api_silent"


def test_the_nodes_that_matter_are_ready_and_others_that_are_not_are_told(host: OpenShiftNode) -> None:
    host.says("nodes", "m1 True\nm10 False\nm2 True\nw1 Unknown\n")
    assert host.done("nodes_ready", node_names="m1 m2") == {"ready": ["m1", "m2"], "away": ["m10", "w1"]}
    ended = host.run("nodes_ready", node_names="m1 w1")
    assert (ended.code, "w1" in ended.report["message"]) == ("node_not_ready", True)
    assert host.run("nodes_ready", node_names="m").code == "node_not_ready"


def test_pods_that_are_still_to_start_are_waited_for_and_named(host: OpenShiftNode) -> None:
    host.says("all-pods", "openshift-etcd/etcd-m1 Running \nopenshift-etcd/installer-3-m1 Succeeded \n")
    assert host.done("pods_back") == {"away": 0, "warnings": []}
    host.says("all-pods", "shop/web-1 Pending ContainerCreating\nshop/web-2 Running CrashLoopBackOff\na/b Running \n")
    told = host.done("pods_back")
    assert told["away"] == 2
    assert told["warnings"] == [
        "the pod shop/web-1 does not run: ContainerCreating",
        "the pod shop/web-2 does not run: CrashLoopBackOff",
    ]


def test_a_pod_that_has_failed_is_told_and_not_waited_for(host: OpenShiftNode) -> None:
    host.says("all-pods", "openshift-etcd/installer-3-m1 Failed \n")
    told = host.done("pods_back", limit_s="600")
    assert told == {"away": 1, "warnings": ["the pod openshift-etcd/installer-3-m1 does not run: Failed"]}


def test_of_very_many_pods_the_rest_is_counted(host: OpenShiftNode) -> None:
    host.says("all-pods", "".join(f"shop/web-{number} Failed \n" for number in range(5000)))
    told = host.done("pods_back")
    assert (told["away"], len(told["warnings"])) == (5000, 12)
    assert told["warnings"][-1] == "and 4989 more pods do not run: oc get pods -A"


def test_pods_that_nobody_can_list_are_no_success(host: OpenShiftNode) -> None:
    assert host.run("pods_back").code == "openshift_api_silent"


STATUS = '[{"Status":{"header":{"cluster_id":255,"member_id":17,"revision":%s},"version":"3.5.18","leader":17}}]'


def etcd(host: OpenShiftNode, *, revision: int = 9_000, members: str = "11, started, m1, p, c, false") -> None:
    (host.folder / "etcdctl").write_text(
        f"""case "$*" in
        *"endpoint health"*) echo "x is healthy" ;;
        *"endpoint status"*) echo '{STATUS % revision}' ;;
        *"member list"*) printf '{members}\\n' ;;
        esac
        """
    )


def test_a_lone_etcd_says_who_it_is_and_what_it_has(host: OpenShiftNode) -> None:
    etcd(host)
    assert host.done("etcd_alone", revision="9000", old_cluster="fe") == {
        "member_id": "11",
        "cluster_id": "ff",
        "version": "3.5.18",
        "revision": 9_000,
    }


@pytest.mark.parametrize(
    "members",
    [
        "11, started, m1, p, c, false\\n12, started, m2, p, c, false",
        "11, started, m1, p, c, false\\n12, unstarted, , p, , true",
        "",
    ],
)
def test_an_etcd_with_other_members_is_not_alone(host: OpenShiftNode, members: str) -> None:
    etcd(host, members=members)
    assert host.run("etcd_alone").code == "etcd_not_ready"


def test_what_is_not_the_restored_database_is_found(host: OpenShiftNode) -> None:
    etcd(host, revision=8_999)
    assert host.run("etcd_alone", revision="9000").code == "openshift_not_restored"
    etcd(host)
    ended = host.run("etcd_alone", revision="9000", old_cluster="ff")
    assert (ended.code, "old data" in ended.report["message"]) == ("openshift_not_restored", True)


def test_an_etcd_that_does_not_run_is_waited_for(host: OpenShiftNode) -> None:
    etcd(host)
    host.manifest().unlink()
    assert host.run("etcd_alone").code == "etcd_not_ready"


def test_nothing_here_asks_an_api_of_another_host(tmp_path: Path) -> None:
    shell: Shell = "dash"
    host = OpenShiftNode(tmp_path / "host", shell)
    host.says("readyz", "ok")
    host.done("api_back")
    asked = (host.folder / "api/asked").read_text()
    assert "node-kubeconfigs/localhost.kubeconfig --request-timeout=15s get --raw /readyz" in asked
