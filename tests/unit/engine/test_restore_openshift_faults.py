"""Every step of every plan of OpenShift fails once on every host, by a script that gives up and by a host that is
gone: before the vendor's script all is taken back, after it a resumed run comes to its end, and nothing done is done
twice."""

import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from builders import openshift_shapes as shapes
from builders.changes import RUN
from builders.openshift_shapes import FIRST, MIDDLE, NEWEST, SINGLE, Era
from builders.phases import PhaseScene, failing, phase_scene
from builders.restore_shapes import NOW
from builders.services import services_with
from holdfast.engine.restore.ending import decide, end
from holdfast.engine.restore.guard import guard_left_off
from holdfast.engine.restore.phase import going_back, past_no_return
from holdfast.errors import HoldfastError, RefusedError, TransientError
from holdfast.models.restore import (
    CHANGE_PHASES,
    ChangeEnded,
    ChangeFailed,
    ChangeRequest,
    Decided,
    EndedState,
    ExecutionContext,
    RestorePlan,
    RestoreStep,
)
from holdfast.models.run import CaughtError, Outcome
from holdfast.planning.planners import planner_of
from holdfast.transports.memory import MemoryTransport


def planned(era: Era, asked: ChangeRequest | None = None) -> RestorePlan:
    request = asked or shapes.request()
    chosen = None if request.quorum else shapes.backup(era)
    return planner_of("openshift").plan(
        shapes.spec(era), shapes.seen(era, 1), chosen, request, run_id=RUN, emergency=None, findings=(), now=NOW
    )


PLANS = {
    "4.4": (FIRST, planned(FIRST)),
    "4.11": (MIDDLE, planned(MIDDLE)),
    "4.18": (NEWEST, planned(NEWEST)),
    "single": (SINGLE, planned(SINGLE)),
    "quorum": (NEWEST, planned(NEWEST, shapes.quorum())),
}
_VENDOR = {"script": "it", "kept": "/var/lib/etcd-backup/member", "words": ["starting restore-etcd static pod"]}
_ALONE = {"member_id": "a1", "cluster_id": "c2", "version": "3.5.18", "revision": 9_001}
SAID: dict[str, dict[str, Any]] = {
    "openshift/check_host": {"containers": 40},
    "openshift/fetch": {"bytes": 4_096},
    "openshift/fetch_bundle": {"files": 60},
    "openshift/forget": {"removed": True},
    "openshift/tidy": {"removed": True},
    "openshift/save_old": {"kept": ""},
    "openshift/put_old_back": {"kept": ""},
    "openshift/stop_pod": {"stopped": ["etcd"]},
    "openshift/put_pod_back": {"back": ["etcd"], "down": []},
    "openshift/put_data_aside": {"kept": "/var/lib/holdfast-old/run/etcd"},
    "openshift/put_data_back": {"kept": ""},
    "openshift/disable_etcd": {"stopped": ["etcd"]},
    "openshift/enable_etcd": {"back": ["etcd"], "down": []},
    "openshift/cluster_restore": _VENDOR,
    "openshift/quorum_restore": _VENDOR,
    "openshift/copy_data": {"kept": "/var/lib/holdfast-old/run/etcd-copy"},
    "openshift/forget_copy": {"removed": True},
    "restart_kubelet": {"active": True},
    "openshift/etcd_alone": _ALONE,
    "openshift/api_back": {"ready": True},
    "openshift/guard_off": {"guard": "off", "was": "on"},
    "openshift/guard_on": {"guard": "on", "was": "on"},
    "openshift/redeploy": {"kind": "etcd", "before": 6, "revision": 7},
    "openshift/wait_stable": {"stable": True, "by": "oc"},
    "openshift/members_settled": {"voters": 3, "pods": 3, "revision": 7},
    "openshift/nodes_ready": {"ready": ["m1"], "away": []},
    "openshift/pods_back": {"away": 0, "warnings": []},
}


def cases() -> Iterator[Any]:
    for name, (_, plan) in PLANS.items():
        for step in plan.steps:
            for command in step.commands:
                yield pytest.param(name, step.name, command.node, id=f"{name}-{step.name}-{command.node}")


CASES = list(cases())


def scene_of(name: str) -> PhaseScene:
    era, plan = PLANS[name]
    scene = phase_scene(plan, services_with(shapes.spec(era)))
    scene.transport = MemoryTransport(era.nodes, scene.nodes.program)
    scene.services.transport = scene.transport
    ticks = count(1, 100)  # no request for a certificate ever comes
    scene.nodes.said = {script: _answer(told) for script, told in SAID.items()}
    scene.nodes.said["openshift/csr_round"] = lambda _node: {"now": 1_700_000_000 + next(ticks)}
    return scene


def _answer(told: dict[str, Any]) -> Any:
    return lambda _node: told


def fails_once(scene: PhaseScene, step: RestoreStep, node: str) -> None:
    """The script of the step gives up on that host; scripts of steps before it that are the same one do not."""
    usual, before = scene.nodes.said[step.script], _earlier(scene.plan, step, node)
    asked = count()

    def answer(where: str) -> dict[str, Any]:
        return failing() if where == node and next(asked) == before else usual(where)

    scene.nodes.said[step.script] = answer


def _earlier(plan: RestorePlan, step: RestoreStep, node: str) -> int:
    """How often the same script ran on that host before; a wave of requests takes as many rounds as it needs."""
    earlier = plan.steps[: plan.steps.index(step)]
    same = [each for each in earlier if each.script == step.script and node in {one.node for one in each.commands}]
    return sum(2 if "serving" in each.name else 1 for each in same)


def goes(scene: PhaseScene) -> None:
    for phase in CHANGE_PHASES:
        if scene.plan.steps_of(phase):
            scene.go_through(phase)


def done_steps(scene: PhaseScene) -> set[tuple[str, str]]:
    records = scene.journal.records()
    return {(each.step, each.node) for each in records if each.status == "done" and not each.undo}


def all_of(plan: RestorePlan) -> set[tuple[str, str]]:
    return {(step.name, command.node) for step in plan.steps for command in step.commands}


@pytest.mark.parametrize("name", PLANS)
def test_each_plan_comes_to_its_end_where_nothing_fails(name: str) -> None:
    scene = scene_of(name)
    goes(scene)
    assert {each for each in done_steps(scene) if each[1].startswith("m")} == all_of(scene.plan)


@pytest.mark.parametrize(("name", "at", "node"), CASES)
def test_a_failure_before_the_vendors_script_is_taken_back_and_one_after_it_is_gone_on_from(
    name: str, at: str, node: str
) -> None:
    scene = scene_of(name)
    step = scene.plan.step(at)
    fails_once(scene, step, node)
    with pytest.raises(HoldfastError, match="the test says so"):
        goes(scene)
    assert (at, node) not in done_steps(scene)
    if past_no_return(scene.plan, scene.journal):
        _goes_on(scene)
    else:
        _goes_back(scene)


@pytest.mark.parametrize(
    ("at", "off"),
    [("api-back", False), ("guard-off", True), ("wait-stable", True), ("guard-on", True), ("tidy", False)],
)
def test_a_run_that_ends_with_the_quorum_guard_off_says_so(at: str, off: bool) -> None:
    scene = scene_of("4.18")
    fails_once(scene, scene.plan.step(at), "m1")
    with pytest.raises(HoldfastError, match="the test says so"):
        goes(scene)
    told = guard_left_off(scene.plan, scene.journal)
    assert bool(told) == off
    assert all("oc patch etcd/cluster" in each for each in told)
    error = CaughtError(Error="TransientError", Cause="{}")
    execution = ExecutionContext.model_validate({"Name": RUN, "StartTime": scene.services.clock()})
    failure = decide(scene.services, ChangeFailed(execution=execution, run=scene.run, error=error))
    ended = EndedState(run=scene.run, decided=Decided(told=failure))
    outcome = end(scene.services, ChangeEnded(execution=execution, state=ended))
    assert isinstance(outcome, Outcome)
    assert set(told) <= set(outcome.warnings)


def _goes_on(scene: PhaseScene) -> None:
    with pytest.raises(RefusedError) as refused:
        scene.go_through("Rollback")
    assert refused.value.code == "past_no_return"
    before, ran = done_steps(scene), len(scene.nodes.ran)
    goes(scene)
    assert {each for each in done_steps(scene) if each[1].startswith("m")} == all_of(scene.plan)
    vendors = [
        each for each in scene.nodes.ran[ran:] if each[0] in ("openshift/cluster_restore", "openshift/quorum_restore")
    ]
    was_done = any(each[0] in ("cluster-restore", "quorum-restore") for each in before)
    assert len(vendors) == (0 if was_done else 1)


def _goes_back(scene: PhaseScene) -> None:
    """Exactly what began, the last first, where it began."""
    steps, ran = going_back(scene.plan, scene.journal), len(scene.nodes.ran)
    begun = {(each.step, each.node) for each in scene.journal.records() if each.status == "started"}
    scene.go_through("Rollback")
    expected = [
        (step.undo, command.node) for step in steps for command in step.commands if (step.name, command.node) in begun
    ]
    assert scene.nodes.ran[ran:] == expected
    assert {script for script, _ in scene.nodes.ran} & {
        "openshift/cluster_restore",
        "openshift/quorum_restore",
    } == set()
    stopped = {name for name, _ in begun if name.startswith(("stop-", "disable-", "put-data"))}
    assert stopped <= {step.name for step in steps}


@pytest.mark.parametrize(("name", "at", "node"), CASES)
def test_a_host_that_is_gone_for_a_moment_at_any_step_ends_no_run(name: str, at: str, node: str) -> None:
    """It is asked again: what is told to it is told once."""
    scene = scene_of(name)
    step = scene.plan.step(at)
    gone = count()

    def on_start(script: str, where: str) -> None:
        if script == step.script and where == node and next(gone) == 0:
            raise TransientError("node_unreachable", "the test took it away")

    scene.nodes.on_start = on_start
    goes(scene)
    assert {each for each in done_steps(scene) if each[1].startswith("m")} == all_of(scene.plan)


def test_the_number_of_faults_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a step on a host, which gives up, or is gone for a moment."""
    with capsys.disabled():
        sys.stdout.write(f"\nOpenShift: {2 * len(CASES)} faults over {len(PLANS)} plans\n")
    assert len(CASES) == sum(len(step.commands) for _, plan in PLANS.values() for step in plan.steps) > 100
