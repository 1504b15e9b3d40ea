"""The sample events of a restore, invoked over doubles of nodes: every function does what the sample's name says."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from builders.doubled_nodes import nodes_spec
from builders.doubled_restores import RestorableNodes
from builders.doubled_runs import through, timed
from builders.machine import BackupMachine
from builders.services import MemoryServices, services_with
from holdfast import node
from holdfast.engine.restore.journal import Journal
from holdfast.engine.restore.stored import load_plan
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, RefusedError
from holdfast.handler import RunEnded
from holdfast.models.command import Command, CommandResult
from holdfast.models.restore import ChangeRun, ChangeState, PhaseWork
from holdfast.models.run import Outcome
from template.handlers import REACHING, USES, Watched, invoke, sample

CLUSTER = "lab-a"
TAKEN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
BEGUN = datetime(2026, 11, 20, 16, 0, 5, tzinfo=UTC)
RUN = ChangeRun.model_validate(sample("restore_approval-console")["run"])
PODS = {
    node.change("stop_pods"): {"stopped": ["kube-apiserver"]},
    node.change("put_pods_back"): {"back": ["kube-apiserver"]},
}


class Changed(RestorableNodes):
    """They also stop and start what they are told to."""

    def program(self, where: str, command: Command) -> CommandResult:
        if command.script in PODS:
            return CommandResult(0, json.dumps(PODS[command.script]))
        return super().program(where, command)


@dataclass
class Site:
    """lab-a, whose etcd has lost its quorum, with the verified backup of the samples. `asked` is by function."""

    services: MemoryServices
    nodes: Changed
    asked: dict[str, set[str]] = field(default_factory=dict)

    def call(self, name: str, event: dict[str, Any]) -> Any:
        watch = Watched(cast("Services", self.services))
        try:
            return invoke(name, event, cast("Services", watch))
        finally:
            self.asked.setdefault(name, set()).update(watch.asked - REACHING)

    def started(self, case: str = "console") -> ChangeState:
        """Called again as long as it waits, as the state machine does."""
        event = sample(f"restore_started-{case}")
        while True:
            state: ChangeState = self.call("restore_started", event)
            if state.look is None:
                return state
            event["look"] = state.look.model_dump(mode="json")
            self.services.clock.advance(timedelta(seconds=state.look.wait_s))

    def asked_about(self) -> None:
        self.started()
        self.call("restore_approval", sample("restore_approval-console"))

    def phase(self, case: str) -> PhaseWork:
        """What a sample cannot have is the digest of the plan that was just made."""
        event = sample(f"restore_phase-{case}")
        if event["work"]["approval"]:
            event["work"]["approval"]["digest"] = load_plan(self.services, RUN).digest
        while True:
            work: PhaseWork = self.call("restore_phase", event)
            if work.pending is None:
                return work
            event = {"work": work.model_dump(mode="json")}
            self.services.clock.advance(timedelta(seconds=work.pending.wait_s))

    def shut_down(self) -> None:
        self.asked_about()
        self.phase("shutdown")

    def ended(self, case: str) -> Outcome:
        with pytest.raises(RunEnded):
            self.call("restore_ended", sample(f"restore_ended-{case}"))
        return self.services.notifier.outcomes[-1]

    def lease_is_free(self) -> bool:
        return self.services.leases.holder(CLUSTER) is None


@pytest.fixture
def site() -> Site:
    services = services_with(nodes_spec(CLUSTER))
    services.clock.now = TAKEN
    nodes = Changed(services)
    through(nodes)
    outcome = timed(BackupMachine(services)).execute(CLUSTER, TAKEN)
    assert outcome.backup_id == sample("console-restore")["backup"], outcome.error
    services.notifier.outcomes.clear()
    services.clock.now = BEGUN
    nodes.dead = frozenset({"n2", "n3"})
    return Site(services, nodes)


@pytest.mark.parametrize("kind", ["restore", "replace", "resume", "abort"])
def test_what_is_typed_into_the_console_is_the_input_of_the_first_state(kind: str) -> None:
    case = "console" if kind == "restore" else kind
    assert sample(f"restore_started-{case}")["execution"]["Input"] == sample(f"console-{kind}")


def test_a_restore_needs_three_fields() -> None:
    assert set(sample("console-restore")) == {"cluster", "backup", "mode"}


def test_the_first_state_looks_saves_and_plans_and_gives_the_lease_back(site: Site) -> None:
    state = site.started()
    plan = load_plan(site.services, RUN)
    assert (state.run, state.approved, state.abort) == (RUN, False, False)
    assert plan.emergency is not None
    assert site.lease_is_free()


def test_a_call_that_finds_its_nodes_at_work_goes_on_with_them(site: Site) -> None:
    state = site.call("restore_started", sample("restore_started-waiting"))
    assert state.look is not None


def test_an_input_that_is_no_object_is_refused_in_words(site: Site) -> None:
    with pytest.raises(HoldfastError, match="input_invalid") as raised:
        site.call("restore_started", sample("restore_started-console-text"))
    assert "console-restore.json" in raised.value.hint


def test_a_replacement_is_refused_where_the_quorum_would_be_lost(site: Site) -> None:
    with pytest.raises(HoldfastError) as raised:
        site.started("replace")
    assert isinstance(raised.value, RefusedError)


def test_the_question_is_noted_with_its_token_and_told_without_it(site: Site) -> None:
    site.asked_about()
    event, record = sample("restore_approval-console"), site.services.runs.get(CLUSTER, RUN.run_id)
    assert record.question is not None
    assert record.question.token == event["token"]
    (told,) = site.services.notifier.outcomes
    assert (told.status, told.phase) == ("running", "Approval")
    assert event["token"] not in told.model_dump_json()


def test_a_phase_runs_its_steps_on_every_node(site: Site) -> None:
    site.shut_down()
    done = {(mark.step, mark.node) for mark in _journal(site).marks if mark.status == "done"}
    assert done == {(step, where) for step in ("stop-api", "stop-etcd") for where in ("n1", "n2", "n3")}
    assert site.services.runs.get(CLUSTER, RUN.run_id).question is None


def test_a_phase_goes_on_with_what_it_waited_for(site: Site) -> None:
    site.asked_about()
    assert site.phase("waiting").pending is None


def test_a_rollback_takes_back_what_was_done_in_reverse_order(site: Site) -> None:
    site.shut_down()
    site.phase("rollback")
    undone = [record.step for record in _journal(site).records() if record.undo and record.status == "done"]
    assert undone == ["stop-etcd"] * 3 + ["stop-api"] * 3


def test_the_report_ends_the_run(site: Site) -> None:
    site.shut_down()
    outcome = site.call("restore_report", sample("restore_report-console"))
    assert (outcome.status, outcome.job) == ("succeeded", "restore")
    assert site.services.notifier.outcomes[-1] == outcome
    assert site.lease_is_free()


@pytest.mark.parametrize(
    ("case", "code", "phase"),
    [
        ("declined", "approval_declined", "Approval"),
        ("approval-timeout", "approval_timeout", "Approval"),
    ],
)
def test_a_question_that_was_not_approved_needs_no_way_back(site: Site, case: str, code: str, phase: str) -> None:
    site.asked_about()
    failure = site.call("restore_failed", sample(f"restore_failed-{case}"))
    assert (failure.error.code, failure.phase, failure.goes_back) == (code, phase, False)


def test_what_was_refused_at_once_needs_no_way_back(site: Site) -> None:
    failure = site.call("restore_failed", sample("restore_failed-not-started"))
    assert (failure.error.code, failure.phase, failure.goes_back) == ("cluster_healthy", "Started", False)


@pytest.mark.parametrize(("case", "code"), [("step", "pod_still_runs"), ("phase-timeout", "run_timeout")])
def test_a_phase_that_fails_before_the_point_of_no_return_goes_back(site: Site, case: str, code: str) -> None:
    site.shut_down()
    failure = site.call("restore_failed", sample(f"restore_failed-{case}"))
    assert (failure.error.code, failure.phase, failure.goes_back) == (code, "Shutdown", True)
    assert "backup" not in failure.error.hint


@pytest.mark.parametrize(
    ("case", "status", "code", "hint"),
    [
        ("not-started", "refused", "cluster_healthy", "Nothing was changed."),
        ("declined", "refused", "approval_declined", "Nothing was changed."),
    ],
)
def test_a_run_that_changed_nothing_says_so(site: Site, case: str, status: str, code: str, hint: str) -> None:
    if case == "declined":
        site.asked_about()
    outcome = site.ended(case)
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (status, code)
    assert hint in outcome.error.hint
    assert site.lease_is_free()


def test_a_run_that_was_taken_back_says_so(site: Site) -> None:
    site.shut_down()
    site.phase("rollback")
    outcome = site.ended("taken-back")
    assert outcome.error is not None
    assert "the cluster is as it was" in outcome.error.hint
    assert outcome.warnings == ()


def test_a_run_that_could_not_be_taken_back_says_what_is_left(site: Site) -> None:
    site.shut_down()
    outcome = site.ended("half-taken-back")
    assert outcome.error is not None
    assert f"holdfast restore abort {RUN.run_id}" in outcome.error.hint
    assert "node_unreachable" in outcome.warnings[0]


def test_a_redrive_goes_on_where_nothing_was_taken_back(site: Site) -> None:
    site.shut_down()
    state = site.call("restore_ended", sample("restore_ended-redriven"))
    assert (state.run, state.approved) == (RUN, True)
    assert site.services.runs.get(CLUSTER, RUN.run_id).outcome is None


def test_a_redrive_is_refused_where_something_was_taken_back(site: Site) -> None:
    site.shut_down()
    site.phase("rollback")
    with pytest.raises(RefusedError, match="run_taken_back"):
        site.call("restore_ended", sample("restore_ended-redriven"))


@pytest.mark.parametrize(("case", "code"), [("aborted", "run_aborted"), ("timed-out", "run_timeout")])
def test_an_execution_that_was_stopped_is_told_and_keeps_what_it_did(site: Site, case: str, code: str) -> None:
    site.shut_down()
    outcome = site.call("restore_stopped", sample(f"restore_stopped-{case}"))
    assert (outcome.status, outcome.error.code) == ("failed", code)
    assert f"holdfast restore resume {RUN.run_id}" in outcome.error.hint
    assert not _journal(site).goes_back
    assert site.lease_is_free()


def test_what_ended_has_told_is_not_told_twice(site: Site) -> None:
    site.asked_about()
    told = site.ended("declined")
    assert site.call("restore_stopped", sample("restore_stopped-failed")) == told
    assert site.services.notifier.outcomes.count(told) == 1


def test_a_resumed_run_needs_no_second_approval(site: Site) -> None:
    site.shut_down()
    site.call("restore_stopped", sample("restore_stopped-aborted"))
    state = site.started("resume")
    assert (state.approved, state.run.run_id) == (True, RUN.run_id)
    assert state.run.execution == sample("restore_started-resume")["execution"]["Name"]


def test_an_event_that_comes_late_leaves_the_execution_alone_that_goes_on(site: Site) -> None:
    site.shut_down()
    site.call("restore_stopped", sample("restore_stopped-aborted"))
    state = site.started("resume")
    assert site.call("restore_stopped", sample("restore_stopped-aborted")) is None
    assert site.services.runs.get(CLUSTER, RUN.run_id).outcome is None
    assert site.services.leases.holder(CLUSTER) == state.run.run_id


def test_a_phase_of_a_stopped_execution_does_nothing_beside_the_one_that_goes_on(site: Site) -> None:
    """Step Functions stops nested executions as well as it can, and the embedded stack never does."""
    site.shut_down()
    site.call("restore_stopped", sample("restore_stopped-aborted"))
    with pytest.raises(RefusedError, match="lease_lost"):
        site.phase("shutdown")
    site.started("abort")
    with pytest.raises(RefusedError, match="lease_lost"):
        site.phase("shutdown")


def test_an_aborted_run_is_taken_back(site: Site) -> None:
    site.shut_down()
    site.call("restore_stopped", sample("restore_stopped-aborted"))
    assert site.started("abort").abort is True


def test_each_function_asks_for_the_services_that_are_listed(site: Site) -> None:
    """What the tests of environments and roles rest on. Only steps that fetch are handed URLs, and only some
    restores are followed by a backup."""
    site.shut_down()
    site.call("restore_failed", sample("restore_failed-step"))
    site.ended("declined")
    site.call("restore_ended", sample("restore_ended-redriven"))
    site.call("restore_stopped", sample("restore_stopped-timed-out"))
    resumed = site.started("resume")
    site.call("restore_report", {"run": resumed.run.model_dump(mode="json")})
    assert site.asked == {name: USES[name] - SOMETIMES.get(name, set()) for name in USES if name.startswith("restore")}


SOMETIMES = {"restore_phase": {"grants", "secrets_grants"}, "restore_report": {"executions"}}


def _journal(site: Site) -> Journal:
    return Journal(site.services, RUN)
