"""Who may end a run: the execution that its record names. Others end themselves, however late they come."""

import json
from typing import Any

import pytest

from builders.changes import RUN, approved, begin, end, note, reach
from builders.doubled_nodes import DoubledNodes, nodes_spec
from builders.doubled_runs import through
from builders.runs import NOON
from builders.services import MemoryServices, services_with
from holdfast.engine.restore import ending
from holdfast.engine.restore.again import again
from holdfast.engine.restore.ownership import take_over
from holdfast.engine.restore.stored import run_of
from holdfast.errors import RefusedError
from holdfast.models.restore import (
    ChangeEnded,
    ChangeFailed,
    ChangeRequest,
    ChangeRun,
    ChangeState,
    Decided,
    EndedState,
    ExecutionContext,
    Failure,
)
from holdfast.models.run import CaughtError, ErrorInfo, Outcome
from holdfast.planning.naming import run_key
from holdfast.transports.memory import MemoryTransport

CLUSTER = "prod-1"
SAID = json.dumps({"code": "lease_lost", "message": "another one goes on"})
LOST = CaughtError(Error="RefusedError", Cause=json.dumps({"errorMessage": SAID}))


def at_work() -> tuple[MemoryServices, MemoryTransport]:
    """A run that has stopped the API servers of three nodes, and is approved."""
    services = services_with(nodes_spec())
    transport = through(DoubledNodes(services))
    begin(services)
    approved(services)
    reach(services, "Restore")
    note(services, "stop-api")
    return services, transport


def the_run(services: MemoryServices) -> ChangeRun:
    return run_of(services.runs.get(CLUSTER, RUN))


def execution(name: str, redrives: int = 0, **given: Any) -> ExecutionContext:
    known = {"Name": name, "StartTime": NOON, "Input": {"cluster": CLUSTER, **given}, "RedriveCount": redrives}
    return ExecutionContext.model_validate(known)


def goes_on(services: MemoryServices, number: int, how: str = "resume") -> ChangeRun:
    request = ChangeRequest.model_validate({"cluster": CLUSTER, how: RUN})
    return again(services, request, f"{RUN}-{number}").run


def ended(services: MemoryServices, run: ChangeRun, of: ExecutionContext, failure: Failure) -> Outcome | ChangeState:
    state = EndedState(run=run, decided=Decided(told=failure))
    return ending.end(services, ChangeEnded(execution=of, state=state))


def failure(redrives: int = 0, *, goes_back: bool = False) -> Failure:
    error = ErrorInfo(code="lease_lost", family="refused", message="another one goes on")
    return Failure(error=error, phase="Restore", goes_back=goes_back, redrives=redrives)


def test_a_redriven_execution_leaves_alone_what_the_one_that_resumed_does() -> None:
    services, transport = at_work()
    old = the_run(services)
    end(services, code="run_aborted", phase="Restore")
    goes_on(services, 2)
    services.notifier.outcomes.clear()

    redriven = execution(RUN, 1, backup="20261120T120000Z-r-1a2b3c")
    decided = ending.decide(services, ChangeFailed(execution=redriven, run=old, error=LOST))
    assert (decided.goes_back, transport.cancelled) == (False, [])

    outcome = ended(services, old, redriven, decided)
    assert isinstance(outcome, Outcome)
    assert outcome.error is not None
    assert outcome.error.code == "lease_lost"
    record = services.runs.get(CLUSTER, RUN)
    assert (record.execution, record.outcome) == (f"{RUN}-2", None)
    assert services.leases.holder(CLUSTER) == RUN
    assert services.notifier.outcomes == []


def test_a_resumed_execution_that_was_overtaken_is_told_under_its_own_name() -> None:
    services, _ = at_work()
    end(services, code="run_aborted", phase="Restore")
    second = goes_on(services, 2)
    end(services, code="run_aborted", phase="Restore")
    goes_on(services, 3)

    outcome = ended(services, second, execution(f"{RUN}-2", resume=RUN), failure())
    assert services.runs.get(CLUSTER, f"{RUN}-2").outcome == outcome == services.notifier.outcomes[-1]
    assert services.runs.get(CLUSTER, RUN).outcome is None
    assert services.leases.holder(CLUSTER) == RUN


def test_a_run_that_another_execution_goes_on_with_is_not_finished() -> None:
    services, _ = at_work()
    old = the_run(services)
    end(services, code="run_aborted", phase="Restore")
    goes_on(services, 2)

    with pytest.raises(RefusedError, match="lease_lost"):
        ending.finish(services, old)
    assert services.runs.get(CLUSTER, RUN).outcome is None


def test_what_failed_after_the_run_had_ended_takes_nothing_back() -> None:
    """An execution that was stopped in a phase and redriven: it enters that phase again, and is refused."""
    services, transport = at_work()
    end(services, code="run_aborted", phase="Restore")
    event = ChangeFailed(execution=execution(RUN, 1), run=the_run(services), error=LOST)
    assert ending.decide(services, event).goes_back is False
    assert transport.cancelled == []


def test_of_two_that_resume_at_once_one_goes_on() -> None:
    services, _ = at_work()
    end(services, code="run_aborted", phase="Restore")
    was = services.runs.get(CLUSTER, RUN)
    second, third = (the_run(services).model_copy(update={"execution": f"{RUN}-{number}"}) for number in (2, 3))
    take_over(services, was, second)
    with pytest.raises(RefusedError, match="run_at_work"):
        take_over(services, was, third)
    take_over(services, was, second)  # its answer was lost, and it is sent again
    assert services.runs.get(CLUSTER, RUN).execution == second.execution


@pytest.mark.parametrize("undone", [False, True])
def test_a_redriven_abort_takes_back_and_never_carries_out(*, undone: bool) -> None:
    services, _ = at_work()
    end(services, code="run_aborted", phase="Restore")
    back = goes_on(services, 2, "abort")
    if undone:
        note(services, "stop-api", ("n1",), undo=True)
    first = execution(f"{RUN}-2", abort=RUN)
    assert isinstance(ended(services, back, first, failure(goes_back=True)), Outcome)

    state = ended(services, back, execution(f"{RUN}-2", 1, abort=RUN), failure(goes_back=True))
    assert isinstance(state, ChangeState)
    assert (state.abort, state.run) == (True, back)
    assert services.runs.get(CLUSTER, RUN).outcome is None


def test_a_redriven_abort_that_fails_again_ends() -> None:
    """What the state Aborted makes up has the execution beside it, and so the number of its redrives."""
    services, _ = at_work()
    end(services, code="run_aborted", phase="Restore")
    back, redriven = goes_on(services, 2, "abort"), execution(f"{RUN}-2", 1, abort=RUN)
    state = EndedState(run=back, decided=Decided(told=failure(goes_back=True), execution=redriven))
    assert isinstance(ending.end(services, ChangeEnded(execution=redriven, state=state)), Outcome)


def test_a_redrive_of_a_run_without_a_plan_is_refused() -> None:
    services, _ = at_work()
    run = the_run(services)
    services.bucket.remove([run_key(CLUSTER, RUN, "plan.json")])
    assert isinstance(ended(services, run, execution(RUN), failure()), Outcome)
    with pytest.raises(RefusedError, match="nothing_to_resume"):
        ended(services, run, execution(RUN, 1), failure())


def test_urls_of_an_emergency_backup_that_was_under_way_are_not_kept() -> None:
    services, _ = at_work()
    key = run_key(CLUSTER, RUN, "upload.txt")
    services.bucket.put(key, b"https://presigned\n")
    ended(services, the_run(services), execution(RUN), failure())
    assert services.bucket.read(key) == b""


def test_what_is_back_and_does_not_run_is_told_with_the_end() -> None:
    services, _ = at_work()
    note(services, "stop-api", ("n2",), undo=True, report={"back": ["kube-apiserver"], "down": ["kube-apiserver"]})
    outcome = ended(services, the_run(services), execution(RUN), failure(goes_back=True))
    assert isinstance(outcome, Outcome)
    assert outcome.warnings == ("kube-apiserver on n2 is back and does not run; it may have been down before",)
