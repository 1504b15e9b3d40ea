"""The restore state machine without Step Functions: the same states, events, retries and Catch, in a loop.

It leaves out timeouts of states. A nested phase's error arrives wrapped as startExecution.sync wraps it. Where the
real one waits it calls `on_wait` with the seconds. tests/e2e runs the real definition.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from holdfast.engine.restore import approving, ending, phase, started
from holdfast.engine.restore.stored import load_plan
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, TransientError
from holdfast.handler import carried, known_error
from holdfast.models.approval import Approval
from holdfast.models.base import Model
from holdfast.models.restore import (
    CHANGE_PHASES,
    ChangeEnded,
    ChangeFailed,
    ChangePhase,
    ChangeRequest,
    ChangeRun,
    ChangeState,
    Decided,
    EndedState,
    ExecutionContext,
    Failure,
    PhaseWork,
)
from holdfast.models.run import CaughtError, ErrorInfo, Outcome, StatusChangeEvent

# As phase.asl.json: six retries.
ATTEMPTS = 7
# No run of a test looks as often.
LOOKS = 400
_DECLINED = "Holdfast.Declined"
_ABORTED = ErrorInfo(code="run_aborted", family="permanent", message="the run was aborted")


class Killed(BaseException):
    """The function is stopped in the middle: nothing of ours runs after it. Step Functions calls it once more."""


class Stopped(BaseException):
    """Somebody stops the execution: no state of it runs any more, and an event tells so."""


class _CaughtError(Exception):
    """What a Catch sees."""

    def __init__(self, told: CaughtError) -> None:
        super().__init__(told.cause)
        self.told = told


class ChangeMachine:
    """`approve` answers the question; it is called with the services and the run's id."""

    def __init__(
        self,
        services: Services,
        *,
        on_wait: Callable[[int], None],
        approve: Callable[[Services, ChangeRun], None] | None = None,
    ) -> None:
        self.services, self.on_wait = services, on_wait
        self._approve = approve or approved
        self._waits = 0

    def execute(self, name: str, request: ChangeRequest) -> Outcome:
        """One execution, to its end: its output, or what Ended or the event of its end told."""
        self._waits = 0
        given = request.model_dump(mode="json", exclude_defaults=True)
        context = {"Name": name, "StartTime": self.services.clock(), "Input": given}
        execution = ExecutionContext.model_validate(context)
        try:
            return self._run(execution, request)
        except Stopped:
            return self._stopped(execution)

    def go_on(self, execution: ExecutionContext, state: ChangeState) -> Outcome:
        """From what Started has decided."""
        try:
            return self._go_on(execution, state)
        except Stopped:
            return self._stopped(execution)

    def _go_on(self, execution: ExecutionContext, state: ChangeState) -> Outcome:
        if state.abort:
            failure = Failure(error=_ABORTED, phase="Rollback", goes_back=True)
            return self._ended(execution, state.run, failure)
        try:
            approval = None if state.approved else self._ask(state.run)
            for each in CHANGE_PHASES:
                self._phase(state.run, each, approval)
            return self._attempts("Report", lambda: ending.finish(self.services, state.run))
        except _CaughtError as caught:
            return self._failed(execution, state.run, caught)

    def _run(self, execution: ExecutionContext, request: ChangeRequest) -> Outcome:
        look = None
        try:
            while True:
                state = self._attempts("Started", partial(self._started, execution, request, look))
                if state.look is None:
                    break
                look = state.look
                self._wait(look.wait_s)
        except _CaughtError as caught:
            return self._failed(execution, None, caught)
        return self._go_on(execution, state)

    def _started(self, execution: ExecutionContext, request: ChangeRequest, look: Any) -> ChangeState:
        return started.start(self.services, request, execution.name, execution.started_at, look)

    def _ask(self, run: ChangeRun) -> Approval:
        token = f"token-of-{run.run_id}"
        self.services.changes.wait_for(token)  # type: ignore[attr-defined]
        self._attempts("Approval", lambda: approving.ask(self.services, run, token))
        self._approve(self.services, run)
        answer = self.services.changes.answers[token]  # type: ignore[attr-defined]
        error, _, cause = answer.partition(": ")
        if error == _DECLINED:
            raise _CaughtError(CaughtError(Error=error, Cause=cause))
        return Approval.model_validate_json(answer)

    def _phase(self, run: ChangeRun, name: ChangePhase, approval: Approval | None) -> None:
        work = PhaseWork(run=run, phase=name, approval=approval)
        while True:
            work = self._attempts("Phase", partial(phase.advance, self.services, work))
            if work.pending is None:
                return
            self._wait(work.pending.wait_s)

    def _failed(self, execution: ExecutionContext, run: ChangeRun | None, caught: _CaughtError) -> Outcome:
        event = ChangeFailed(execution=execution, run=run, error=caught.told)
        failure = self._attempts("Failed", lambda: ending.decide(self.services, event))
        return self._ended(execution, run, failure)

    def _ended(self, execution: ExecutionContext, run: ChangeRun | None, failure: Failure) -> Outcome:
        rollback = None
        if failure.goes_back:
            assert run is not None
            try:
                self._phase(run, "Rollback", None)
            except _CaughtError as caught:
                rollback = caught.told
        state = EndedState(run=run, decided=Decided(told=failure), rollback=rollback)
        event = ChangeEnded(execution=execution, state=state)
        ended = self._attempts("Ended", lambda: ending.end(self.services, event))
        assert isinstance(ended, Outcome)
        return ended

    def _stopped(self, execution: ExecutionContext) -> Outcome:
        detail = {
            "executionArn": f"arn:aws:states:eu-west-1:111111111111:execution:restore:{execution.name}",
            "name": execution.name,
            "status": "ABORTED",
            "startDate": int(execution.started_at.timestamp() * 1000),
            "input": json.dumps(execution.input),
        }
        told = ending.stop(self.services, StatusChangeEvent.model_validate({"source": "aws.states", "detail": detail}))
        assert told is not None
        return told

    def _attempts[M: Model](self, name: str, work: Callable[[], M]) -> M:
        """A function's answer, as JSON carries it."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = work()
                text = answer.model_dump_json()
                assert len(text) < 262_144
                return type(answer).model_validate_json(text)
            except Killed:
                assert attempt < ATTEMPTS, "the function dies for ever"
            except Exception as error:
                ours = known_error(error)
                if not isinstance(ours, TransientError) or attempt == ATTEMPTS:
                    raise _CaughtError(_nested(carried(ours, name))) from error
        raise AssertionError("every attempt returns or raises")

    def _wait(self, seconds: int) -> None:
        self._waits += 1
        assert self._waits < LOOKS, "the machine waits for ever"
        self.on_wait(seconds)


def approved(services: Services, run: ChangeRun) -> None:
    """By somebody who read the plan."""
    read = load_plan(services, run).digest
    approving.approve(services, run.cluster_id, run.run_id, approved_by="a test", typed=run.cluster_id, digest=read)


def _nested(failed: HoldfastError) -> CaughtError:
    error = {"Error": type(failed).__name__, "Cause": json.dumps({"errorMessage": failed.args[0]})}
    nested = {"ExecutionArn": "arn:aws:states:eu-west-1:111111111111:execution:phase:of-a-test", **error}
    return CaughtError(Error="States.TaskFailed", Cause=json.dumps(nested))
