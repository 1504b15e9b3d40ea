"""Looks at the phases of a restore: what they ask again, whom they wait for, and when they begin nothing any more."""

from datetime import timedelta

import pytest

from builders.changes import NODES, RUN, end, restore_plan, wait_for_approval
from builders.doubled_nodes import nodes_spec
from builders.phases import CLUSTER, ETCD_READY, STEPS, PhaseScene, approval_of, failing, phase_scene, ready
from builders.services import services_with
from holdfast.engine.restore.phase import past_no_return
from holdfast.engine.restore.stored import find_approval
from holdfast.errors import HoldfastError, PermanentError, RefusedError, TransientError
from holdfast.models.restore import ChangePhase, PhaseWork, StepRecord
from holdfast.planning.waiting import SPEAKING_S
from holdfast.storage.memory import MemoryBucket

PLAN = restore_plan(steps=STEPS)
OTHER = f"{RUN}-2"


@pytest.fixture
def scene() -> PhaseScene:
    return phase_scene(PLAN)


def refused(scene: PhaseScene, phase: ChangePhase, before: PhaseWork | None = None) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        scene.look(phase, before)
    return caught.value


def asked(scene: PhaseScene, script: str) -> list[str]:
    return [where for name, where in scene.nodes.ran if name == script]


def done(scene: PhaseScene, step: str) -> list[tuple[str, int]]:
    mine = sorted(mark for mark in scene.journal.marks if (mark.step, mark.status) == (step, "done"))
    return [(mark.node, mark.attempt) for mark in mine]


def test_nodes_that_did_not_agree_are_asked_again_by_a_resumed_run(scene: PhaseScene) -> None:
    """They name different leaders while an election runs."""
    scene.nodes.said["etcd_ready"] = lambda where: ready("a1" if where == "n1" else "b2")
    assert refused(scene, "RestartCluster").code == "leaders_differ"
    assert asked(scene, "etcd_ready") == [*NODES]
    scene.nodes.said["etcd_ready"] = lambda _where: ready("b2")
    scene.go_through("RestartCluster")
    assert asked(scene, "etcd_ready") == [*NODES, *NODES]
    assert asked(scene, "start_api") == [*NODES]
    assert {report["leader"] for report in scene.journal.reports(ETCD_READY).values()} == {"b2"}


def test_nodes_that_still_do_not_agree_are_asked_with_every_resume(scene: PhaseScene) -> None:
    scene.nodes.said["etcd_ready"] = lambda where: ready("a1" if where == "n1" else "b2")
    for _ in range(3):
        assert refused(scene, "RestartCluster").code == "leaders_differ"
    assert asked(scene, "etcd_ready") == [*NODES] * 3
    assert asked(scene, "start_api") == []


def test_every_node_is_asked_again_also_one_that_needed_more_attempts_than_the_others(scene: PhaseScene) -> None:
    answers = [failing(), failing()]
    scene.nodes.said["etcd_ready"] = lambda where: answers.pop() if where == "n2" and answers else ready(where[1])
    assert refused(scene, "RestartCluster").code == "restore_tool_failed"
    assert refused(scene, "RestartCluster").code == "restore_tool_failed"
    assert refused(scene, "RestartCluster").code == "leaders_differ"
    assert done(scene, "etcd-ready") == [("n1", 1), ("n2", 3), ("n3", 1)]
    scene.nodes.said["etcd_ready"] = lambda _where: ready()
    scene.go_through("RestartCluster")
    assert done(scene, "etcd-ready")[-3:] == [("n2", 4), ("n3", 1), ("n3", 4)]
    assert len(asked(scene, "etcd_ready")) == 8


def test_nodes_that_agreed_are_asked_once(scene: PhaseScene) -> None:
    for _ in range(2):
        scene.go_through("RestartCluster")
    assert asked(scene, "etcd_ready") == [*NODES]


def test_a_fact_that_another_look_has_noted_meanwhile_stays_as_it_is(scene: PhaseScene) -> None:
    first, second = scene.journal, scene.journal
    now = scene.services.clock()
    fact = StepRecord(step="stop-api", node="n1", attempt=1, status="started", at=now, started_at=now)
    first.note(fact)
    second.note(fact.model_copy(update={"at": now + timedelta(seconds=9)}))
    assert scene.journal.records() == (fact,)
    assert second.marks == first.marks


@pytest.mark.parametrize("by", ["another execution", "its end"])
def test_a_look_begins_no_step_more_when_its_run_was_taken_over_meanwhile(scene: PhaseScene, by: str) -> None:
    """One look goes through every step that ends at once, for minutes; an abort may come in between."""

    def taken(_script: str, where: str) -> None:
        if where != "n3":
            return
        if by == "another execution":
            scene.taken_over(OTHER)
        else:
            end(scene.services, code="run_aborted", phase="Shutdown")

    scene.nodes.on_start = taken
    assert refused(scene, "Shutdown").code == "lease_lost"
    assert scene.nodes.ran == [("stop_pods", where) for where in NODES]
    assert {mark.step for mark in scene.journal.marks} == {"stop-api"}


class TakenOver(MemoryBucket):
    """The run is taken over at the very moment in which it is noted that a step begins."""

    scene: PhaseScene
    begins = "none"

    def put_if_absent(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        if self.begins in key:
            self.scene.taken_over(OTHER)
        return super().put_if_absent(key, body, content_type=content_type)


def test_the_point_of_no_return_is_not_passed_by_a_look_that_lost_its_run_while_it_noted_so() -> None:
    services = services_with(nodes_spec())
    services.bucket = bucket = TakenOver()
    scene = bucket.scene = phase_scene(PLAN, services)
    scene.go_through("Shutdown")
    scene.nodes.ran.clear()
    bucket.begins = "swap.n3.1.do.started"  # the last note before the first script
    assert refused(scene, "Restore").code == "lease_lost"
    assert scene.nodes.ran == []
    assert past_no_return(PLAN, scene.journal)


def test_nothing_is_taken_back_once_the_point_of_no_return_may_be_passed(scene: PhaseScene) -> None:
    """It was not when it was decided to go back: a look in flight has begun the step since."""
    scene.go_through("Shutdown")
    scene.go_through("Restore")
    scene.nodes.ran.clear()
    error = refused(scene, "Rollback")
    assert (error.code, isinstance(error, RefusedError)) == ("past_no_return", True)
    assert f"holdfast restore resume {RUN}" in error.hint
    assert scene.nodes.ran == []


def test_what_is_half_taken_back_is_taken_back_to_the_end_whatever_a_lost_look_noted(scene: PhaseScene) -> None:
    """Such a look has noted that a step begins, and was refused before it did."""
    scene.go_through("Shutdown")
    scene.nodes.said["put_pods_back"] = lambda where: failing() if where == "n3" else {"back": ["etcd"]}
    assert refused(scene, "Rollback").code == "restore_tool_failed"
    now = scene.services.clock()
    lost = StepRecord(step="swap", node="n1", attempt=1, status="started", at=now, started_at=now)
    scene.journal.note(lost)
    del scene.nodes.said["put_pods_back"]
    scene.go_through("Rollback")
    undone = {(mark.step, mark.node) for mark in scene.journal.marks if mark.undo and mark.status == "done"}
    assert undone == {(step, where) for step in ("stop-api", "stop-etcd") for where in NODES}


def test_a_way_back_waits_for_the_nodes_that_are_at_work_when_one_has_failed() -> None:
    scene = phase_scene(PLAN, looks=3)
    scene.go_through("Shutdown")
    scene.transport.looks = 5
    scene.nodes.said["put_pods_back"] = lambda where: failing() if where == "n1" else {"back": ["etcd"]}
    work = scene.look("Rollback")
    scene.transport.end("n1")
    work = scene.look("Rollback", work)
    assert work.pending is not None
    assert (work.pending.step, {each.node for each in work.pending.steps}) == ("stop-etcd", {"n2", "n3"})
    assert [(each.step, each.node) for each in work.given_up] == [("stop-etcd", "n1")]
    assert asked(scene, "put_pods_back") == [*NODES]

    with pytest.raises(PermanentError, match="taking back the step stop-etcd"):
        scene.go_through("Rollback", work)
    undone = {(mark.step, mark.node) for mark in scene.journal.marks if mark.undo and mark.status == "done"}
    assert undone == {(step, where) for step in ("stop-api", "stop-etcd") for where in ("n2", "n3")}


def test_what_was_down_before_is_told_and_keeps_nothing_from_being_taken_back(scene: PhaseScene) -> None:
    scene.go_through("Shutdown")
    assert scene.journal.still_down() == ()
    scene.nodes.said["put_pods_back"] = lambda where: {"back": ["etcd"], "down": ["etcd"] if where == "n2" else []}
    scene.go_through("Rollback")
    told = "etcd on n2 is back and does not run; it may have been down before"
    assert scene.journal.still_down() == (told, told)  # of both steps: the same script stands for both here


def test_an_execution_that_lost_its_run_leaves_the_question_of_the_next_one_alone(scene: PhaseScene) -> None:
    """It was approved and stopped before its first look; then the run was resumed, and the first one redriven."""
    work = PhaseWork(run=scene.run, phase="Shutdown", approval=approval_of(PLAN))
    scene.taken_over(OTHER)
    wait_for_approval(scene.services)
    assert refused(scene, "Shutdown", work).code == "lease_lost"
    record = scene.services.runs.get(CLUSTER, RUN)
    assert (record.question is not None, record.progress.phase) == (True, "Approval")
    assert find_approval(scene.services, scene.run) is None
    assert scene.nodes.ran == []


def test_what_the_nodes_say_of_a_step_is_in_the_runs_record_until_it_is_over() -> None:
    scene = phase_scene(PLAN, looks=3)
    scene.transport.says = {"n1": "waiting for kube-apiserver"}
    work = scene.look("Shutdown")
    while work.pending and not work.pending.said:
        work = scene.look("Shutdown", work)
    progress = scene.services.runs.get(CLUSTER, RUN).progress
    assert (progress.step, progress.said) == ("stop-api", {"n1": "waiting for kube-apiserver"})
    assert work.pending
    assert work.pending.wait_s <= SPEAKING_S
    scene.transport.says.clear()
    scene.go_through("Shutdown", work)
    assert scene.services.runs.get(CLUSTER, RUN).progress.said == {}


def test_a_table_that_keeps_no_words_fails_no_step() -> None:
    scene = phase_scene(PLAN, looks=3)
    scene.transport.says = {"n1": "waiting"}
    failures = [TransientError("state_unavailable", "the test says so")]

    def once(_script: str, _node: str) -> None:
        scene.services.runs.fail("progress", *failures)
        failures.clear()

    scene.nodes.on_start = once
    work = scene.look("Shutdown")
    assert work.pending
    assert work.pending.said == {"n1": "waiting"}
    assert scene.services.runs.get(CLUSTER, RUN).progress.said == {}
    scene.go_through("Shutdown", work)
    assert done(scene, "stop-etcd") == [(node, 1) for node in NODES]
