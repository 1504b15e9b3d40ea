"""Which member of an OpenShift cluster is lost, and why: the vendor's questions in their order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders.etcd_facts import status
from builders.openshift_seen import (
    HOUR,
    NOW,
    cluster,
    crashing,
    lost_node,
    machine,
    machine_off,
    name,
    node,
    pod,
    seen,
    spec,
    without_member,
)
from holdfast.models.etcd import Alarm
from holdfast.models.openshift import Machine, OpenShiftCluster
from holdfast.planning.members import member_report
from holdfast.planning.openshift_members import Diagnosis, diagnose, kubernetes_name, new_machine_name

AWAY = (3,)


def found(told: OpenShiftCluster, **changes: Any) -> Diagnosis:
    diagnosis = diagnose(spec(), seen(told, **changes), "m3", NOW)
    assert diagnosis is not None
    return diagnosis


def machines(**changes: Any) -> tuple[Machine, ...]:
    return machine(1), machine(2), machine(3, **changes)


def nodes(**changes: Any) -> dict[str, Any]:
    return {"nodes": (node(1), node(2), lost_node(**changes))}


@pytest.mark.parametrize("state", ["stopped", "terminated", "TERMINATED", "poweredOff", "shutting-down"])
def test_a_machine_whose_instance_does_not_run_is_not_running(state: str) -> None:
    told = found(machine_off(machines=machines(state=state)), away=AWAY)
    assert (told.cause, told.may_return) == ("machine-not-running", "")
    assert state in told.reason
    assert told.machine is not None


@pytest.mark.parametrize("phase", ["Failed", "Deleting"])
def test_a_machine_in_a_phase_that_leads_nowhere_is_not_running(phase: str) -> None:
    told = found(machine_off(machines=machines(phase=phase, state="")), away=AWAY)
    assert (told.cause, told.may_return) == ("machine-not-running", "")
    assert phase in told.reason


def test_a_node_that_no_machine_has_is_a_machine_that_is_not_running() -> None:
    told = found(machine_off(machines=(machine(1), machine(2))), away=AWAY)
    assert (told.cause, told.machine) == ("machine-not-running", None)


@pytest.mark.parametrize(
    "changes", [{"phase": "Provisioning", "state": ""}, {"phase": "Provisioned"}, {"state": "pending"}]
)
def test_a_machine_on_its_way_up_returns_soon(changes: dict[str, Any]) -> None:
    told = found(machine_off(machines=machines(**changes)), away=AWAY)
    assert (told.word, told.cause) == ("returns-soon", "machine-not-running")


@pytest.mark.parametrize("state", ["running", "RUNNING", "poweredOn", "ACTIVE", ""])
def test_a_machine_that_runs_leads_to_the_question_for_its_node(state: str) -> None:
    told = found(machine_off(machines=machines(state=state)), away=AWAY)
    assert (told.cause, told.may_return) == ("node-not-ready", "")
    assert "2026-11-21 14:00" in told.reason


def test_where_there_are_no_machines_at_all_the_node_decides() -> None:
    assert found(machine_off(machines=()), away=AWAY).cause == "node-not-ready"
    told = found(machine_off(machines=(), nodes=(node(1), node(2))), away=AWAY)
    assert (told.cause, told.reason) == ("node-not-ready", f"the API has no node {name(3)}")


@pytest.mark.parametrize(("minutes", "soon"), [(1, True), (14, True), (15, False), (600, False)])
def test_a_node_that_was_lost_a_moment_ago_returns_soon(minutes: int, *, soon: bool) -> None:
    told = found(machine_off(machines=(), **nodes(ready_since=NOW - timedelta(minutes=minutes))), away=AWAY)
    assert (told.word == "returns-soon") is soon
    assert told.cause == "node-not-ready"


def test_a_taint_says_that_a_node_is_unreachable_before_its_condition_does() -> None:
    told = found(machine_off(machines=(), **nodes(ready="True", ready_since=NOW - 9 * HOUR)), away=AWAY)
    assert (told.cause, told.may_return) == ("node-not-ready", "")


def test_a_pod_that_crashes_on_a_ready_node_is_crash_looping() -> None:
    told = found(crashing())
    assert (told.cause, told.may_return) == ("crash-looping", "")
    assert "CrashLoopBackOff after 12 restarts" in told.reason


@pytest.mark.parametrize(
    "changes",
    [{"restarts": 2, "reason": "CrashLoopBackOff"}, {"restarts": 0}, {"restarts": 1, "reason": "ContainerCreating"}],
)
def test_a_pod_that_has_hardly_crashed_may_be_starting(changes: dict[str, Any]) -> None:
    told = found(cluster(etcd_pods=(pod(1), pod(2), pod(3, ready=False, **changes))))
    assert (told.word, told.cause) == ("returns-soon", "crash-looping")


def test_a_ready_node_without_an_etcd_pod_is_mended_like_one_that_crashes() -> None:
    told = found(cluster(etcd_pods=(pod(1), pod(2))))
    assert told.cause == "crash-looping"
    assert "no etcd pod" in told.reason


def test_a_corrupt_member_answers_and_is_lost_all_the_same() -> None:
    before = seen(cluster(), alive=(1, 2, 3))
    assert before.etcd is not None
    corrupt = before.etcd.model_copy(update={"alarms": (Alarm(member_id="a3", kind="CORRUPT"),)})
    told = diagnose(spec(), replace(before, etcd=corrupt), "m3", NOW)
    assert told is not None
    assert (told.cause, told.may_return) == ("crash-looping", "")
    assert "CORRUPT" in told.reason


def test_a_member_without_a_leader_may_find_one() -> None:
    before = seen(cluster())
    assert before.etcd is not None
    statuses = (*before.etcd.statuses, status(3, leader=0))
    lonely = replace(before, etcd=before.etcd.model_copy(update={"statuses": statuses}))
    told = diagnose(spec(), lonely, "m3", NOW)
    assert told is not None
    assert told.word == "returns-soon"


def test_a_learner_that_answers_is_on_its_way() -> None:
    before = seen(cluster(etcd_pods=(pod(1), pod(2), pod(3, restarts=9))))
    assert before.etcd is not None
    statuses = (*before.etcd.statuses, status(3, is_learner=True))
    joining = replace(before, etcd=before.etcd.model_copy(update={"statuses": statuses}))
    told = diagnose(spec(), joining, "m3", NOW)
    assert told is not None
    assert told.word == "returns-soon"


def test_a_member_that_answers_is_healthy_whatever_the_api_says_of_its_machine() -> None:
    assert found(machine_off(), alive=(1, 2, 3)).cause == "healthy"


def test_a_host_that_nobody_reaches_has_a_healthy_member_when_the_api_shows_it_ready() -> None:
    assert found(cluster(), away=AWAY).cause == "healthy"


def test_a_pod_that_is_shown_ready_between_two_crashes_is_no_healthy_member() -> None:
    told = found(cluster(etcd_pods=(pod(1), pod(2), pod(3, restarts=7))))
    assert (told.cause, told.may_return) == ("crash-looping", "")
    assert found(cluster()).word == "returns-soon"


def test_without_a_quorum_no_single_member_is_the_question() -> None:
    told = found(machine_off(), alive=(1,), away=AWAY)
    assert told.cause == "quorum-lost"
    assert "1 of 3 voters healthy, 2 needed" in told.reason


def test_nothing_is_said_where_nobody_told_anything() -> None:
    assert diagnose(spec(), seen(None), "m3", NOW) is None
    assert diagnose(spec(), seen(machine_off(), alive=()), "m3", NOW) is None


def test_a_member_that_is_off_the_list_is_lost_for_the_same_reason() -> None:
    told = diagnose(spec(), without_member(seen(machine_off(), away=AWAY), 3), "m3", NOW)
    assert told is not None
    assert told.cause == "machine-not-running"


def test_a_lost_host_is_known_by_its_address_or_its_name() -> None:
    before = seen(machine_off(), away=AWAY)
    assert kubernetes_name(spec(), before, "m3") == name(3)
    gone = seen(machine_off(nodes=(node(1), node(2)), machines=()), away=AWAY)
    assert kubernetes_name(spec(), gone, "master-3") == name(3)
    assert kubernetes_name(spec(), gone, "m3") == name(3)
    assert kubernetes_name(spec(), without_member(gone, 3), "m3") == "m3"
    assert kubernetes_name(spec(), before, "m1") == name(1)


@pytest.mark.parametrize(
    ("old", "others", "new"),
    [
        ("prod-x7k2p-master-2", ("prod-x7k2p-master-0", "prod-x7k2p-master-1"), "prod-x7k2p-master-3"),
        ("prod-x7k2p-master-0", ("prod-x7k2p-master-11",), "prod-x7k2p-master-12"),
        ("odd", (), "odd-0"),
        ("odd", ("odd-0",), "odd-1"),
        ("a.b-master-1", ("axb-master-7",), "a.b-master-2"),
    ],
)
def test_a_new_machine_has_the_next_free_number(old: str, others: tuple[str, ...], new: str) -> None:
    assert new_machine_name(old, tuple(Machine(name=each) for each in (old, *others))) == new


def test_member_status_shows_the_cause_and_the_lost_hosts_member() -> None:
    report = member_report(spec(), seen(machine_off(), away=AWAY), NOW)
    (lost,) = report.replacements
    assert (lost.node, lost.member, lost.cause) == ("m3", name(3), "machine-not-running")
    assert "stopped" in lost.reason
    assert [row.node for row in report.members] == ["m1", "m2", "m3"]
