"""What speaks against replacing a member of OpenShift's etcd, and the steps of each of the vendor's ways."""

from dataclasses import replace
from typing import Any

import pytest

from builders.openshift_seen import (
    NOW,
    cluster,
    crashing,
    lost_node,
    machine,
    machine_off,
    member,
    name,
    node,
    seen,
    spec,
    without_member,
)
from builders.restore_node import variables
from holdfast.errors import RefusedError
from holdfast.models.etcd import Alarm
from holdfast.models.openshift import OpenShiftCluster
from holdfast.models.restore import ChangeRequest, RestorePlan, RestoreStep
from holdfast.models.restore_reports import REPORTS
from holdfast.planning.planners import planner_of
from holdfast.planning.restore_seen import RestoreSeen
from holdfast.planning.runbook import runbook

RUN = "restore-0001"
PLANNER = planner_of("openshift")


def request(where: str = "m3", **changes: Any) -> ChangeRequest:
    return ChangeRequest.model_validate({"cluster": "prod-1", "replace": where} | changes)


def codes(before: RestoreSeen, where: str = "m3", **changes: Any) -> list[str]:
    found = PLANNER.findings(spec(), before, None, request(where, **changes), NOW)
    return [finding.code for finding in found if finding.level == "refuse"]


def plan(before: RestoreSeen, where: str = "m3") -> RestorePlan:
    asked = request(where)
    found = PLANNER.findings(spec(), before, None, asked, NOW)
    return PLANNER.plan(spec(), before, None, asked, run_id=RUN, emergency=None, findings=found, now=NOW)


def lost(told: OpenShiftCluster | None = None, **changes: Any) -> RestoreSeen:
    return seen(told or machine_off(**changes), away=(3,))


def bare_metal(**changes: Any) -> RestoreSeen:
    machines = (machine(1, state=""), machine(2, state=""), machine(3, state=""))
    return lost(platform="BareMetal", **({"machines": machines} | changes))


def user_provided() -> RestoreSeen:
    return lost(platform="None", machines=())


WAYS = {
    "machine": lost(),
    "machine-set": lost(machine_set="Active"),
    "bare-metal": bare_metal(),
    "user-provided": user_provided(),
    "no-machine": lost(machines=(machine(1), machine(2))),
    "crash-looping": seen(crashing()),
    "corrupt": replace(
        seen(cluster(), alive=(1, 2, 3)),
        etcd=seen(cluster(), alive=(1, 2, 3)).etcd.model_copy(  # type: ignore[union-attr]
            update={"alarms": (Alarm(member_id="a3", kind="CORRUPT"),)}
        ),
    ),
    "old-release": lost(version="4.9.30"),
    "off-the-list": without_member(lost(), 3),
}
MIDDLE = ["remove-member", "guard-off", "delete-secrets"]
END = ["rejoin", "members-settled", "guard-on", "report"]
TIDY_END = [*END[:-1], "tidy", "report"]


@pytest.mark.parametrize(
    ("way", "steps"),
    [
        ("machine", ["save-machine", *MIDDLE, "delete-machine", "create-machine", *END]),
        ("machine-set", [*MIDDLE, "delete-machine", "await-machine", *END]),
        ("bare-metal", [*MIDDLE, "await-host", *END]),
        ("user-provided", [*MIDDLE, "await-host", *END]),
        ("no-machine", [*MIDDLE, "await-machine", *END]),
        ("crash-looping", ["stop-etcd", "put-data-aside", *MIDDLE, *TIDY_END]),
        ("corrupt", ["stop-etcd", "put-data-aside", *MIDDLE, *TIDY_END]),
        (
            "old-release",
            [
                *("save-machine", "remove-member", "delete-secrets", "delete-machine", "create-machine"),
                *("rejoin", "members-settled", "report"),
            ],
        ),
        ("off-the-list", ["save-machine", "guard-off", "delete-secrets", "delete-machine", "create-machine", *END]),
    ],
)
def test_each_way_has_its_own_steps(way: str, steps: list[str]) -> None:
    assert codes(WAYS[way]) == []
    assert [step.name for step in plan(WAYS[way]).steps] == ["still-lost", *steps]


@pytest.mark.parametrize("way", WAYS)
def test_all_that_comes_before_the_point_of_no_return_can_be_taken_back(way: str) -> None:
    made = plan(WAYS[way])
    first = next(number for number, step in enumerate(made.steps) if step.no_return)
    assert made.steps[first].name == ("delete-secrets" if way == "off-the-list" else "remove-member")
    assert all(step.undo or step.name == "still-lost" for step in made.steps[:first])
    assert not any(step.undo for step in made.steps[first:])
    assert {step.phase for step in made.steps[:first]} == {"Shutdown"}


@pytest.mark.parametrize("way", WAYS)
def test_every_script_of_a_plan_has_a_report_and_the_variables_that_it_names(way: str) -> None:
    made = plan(WAYS[way])
    for script, values in [(s, c.values) for step in made.steps for s in _scripts(step) for c in step.commands]:
        assert script in REPORTS
        assert set(variables(script)[0]) - set(values) == set()
    assert all(step.timeout_s > int(c.values.get("limit_s", "0")) for step in made.steps for c in step.commands)


def _scripts(step: RestoreStep) -> list[str]:
    return [each for each in (step.script, step.undo) if each]


@pytest.mark.parametrize("way", WAYS)
def test_a_plan_can_be_followed_by_hand(way: str) -> None:
    page = runbook(plan(WAYS[way]))
    assert "Point of no return" in page
    assert page.count("```sh") >= len(plan(WAYS[way]).steps) - 1


@pytest.mark.parametrize("way", ["machine", "machine-set", "bare-metal", "user-provided"])
def test_a_lost_host_is_asked_nothing(way: str) -> None:
    assert {command.node for step in plan(WAYS[way]).steps for command in step.commands} == {"m2"}


def test_the_work_on_data_is_done_on_the_crashing_members_own_host_by_a_follower_the_rest() -> None:
    made = plan(WAYS["crash-looping"])
    where = {step.name: [command.node for command in step.commands] for step in made.steps if step.commands}
    assert (where["stop-etcd"], where["put-data-aside"]) == (["m3"], ["m3"])
    assert where["remove-member"] == ["m2"]


def test_the_member_is_told_by_its_id_and_its_nodes_name() -> None:
    made = plan(WAYS["machine"])
    removed = made.step("remove-member").commands[0].values
    assert (removed["member_id"], removed["name"], removed["how"]) == ("a3", name(3), "openshift")
    secrets = made.step("delete-secrets").commands[0].values["secrets"]
    assert secrets == f"etcd-peer-{name(3)} etcd-serving-{name(3)} etcd-serving-metrics-{name(3)}"
    machines = made.step("create-machine").commands[0].values
    assert (machines["machine"], machines["new_machine"]) == ("prod-x7k2p-master-2", "prod-x7k2p-master-3")
    assert "2 of 3 voters healthy" in made.step("remove-member").title


@pytest.mark.parametrize(("way", "word"), [("bare-metal", "BareMetalHost"), ("user-provided", "ignition")])
def test_where_a_person_brings_the_host_the_plan_has_what_to_do_in_few_words(way: str, word: str) -> None:
    told = plan(WAYS[way]).step("await-host").commands[0].values["instructions"]
    assert word in told
    assert f"holdfast csr approve prod-1 --node {name(3)}. " in told
    assert told.endswith(f") holdfast restore resume {RUN}.")
    assert len(told) < 520


def test_where_hosts_come_by_machines_and_one_has_none_a_person_makes_it() -> None:
    values = plan(WAYS["no-machine"]).step("await-machine").commands[0].values
    assert (values["machine"], "oc apply a Machine" in values["instructions"]) == ("", True)
    assert "install the host" not in values["instructions"]


def test_what_is_told_to_who_approves() -> None:
    found = PLANNER.findings(spec(), WAYS["bare-metal"], None, request(), NOW)
    assert [finding.code for finding in found] == ["member_lost", "host_by_hand"]
    found = PLANNER.findings(spec(), WAYS["machine"], None, request(), NOW)
    assert [finding.code for finding in found] == ["member_lost", "cluster_file_changes"]
    (why,) = [finding.text for finding in found if finding.code == "member_lost"]
    assert why.startswith("machine-not-running: its Machine prod-x7k2p-master-2")


def test_a_member_that_may_return_is_left_alone_unless_that_was_allowed() -> None:
    young = lost(machines=(), nodes=(node(1), node(2), lost_node(ready_since=NOW)))
    assert codes(young) == ["member_may_return"]
    assert codes(young, allow=("member_may_return",)) == []


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (seen(machine_off(), alive=(1,), away=(3,)), "quorum_would_be_lost"),
        (seen(machine_off(), alive=(), away=(3,)), "quorum_would_be_lost"),
        (seen(None, away=(3,)), "openshift_api_silent"),
        (seen(cluster(), alive=(1, 2, 3)), "member_healthy"),
        (lost(topology="DualReplica"), "openshift_topology_unsupported"),
        (lost(topology="External"), "openshift_topology_unsupported"),
        (seen(crashing(), away=(3,)), "node_unreachable"),
    ],
)
def test_what_is_refused(before: RestoreSeen, code: str) -> None:
    assert code in codes(before)


def test_a_node_that_the_cluster_file_does_not_name_is_refused() -> None:
    assert codes(lost(), "m9")[0] == "node_unknown"


def test_another_member_that_never_joined_is_in_the_way() -> None:
    before = lost()
    assert before.etcd is not None
    members = (*before.members, member(4, name="", is_learner=True))
    before = replace(before, members=members, etcd=before.etcd.model_copy(update={"members": members}))
    assert codes(before) == ["member_half_joined"]


def test_a_disk_without_room_for_old_and_new_data_is_refused_where_they_are_kept() -> None:
    before = seen(crashing())
    facts = {**before.facts, "m3": before.facts["m3"].model_copy(update={"data_free": 1000})}
    assert codes(replace(before, facts=facts)) == ["restore_disk_short"]


def test_a_guard_that_was_left_off_is_told() -> None:
    found = PLANNER.findings(spec(), lost(guard_off=True), None, request(), NOW)
    assert "openshift_guard_off" in [finding.code for finding in found if finding.level == "warn"]


def test_without_a_host_that_reaches_the_api_nothing_is_planned() -> None:
    before = seen(None, away=(3,))
    with pytest.raises(RefusedError) as caught:
        plan(before)
    assert caught.value.code == "openshift_api_silent"
