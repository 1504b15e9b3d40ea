"""The restore state machine without Step Functions: the same states, events, retries and Catch, in a loop.

It leaves out timeouts and the nested execution's own envelope. Where the real one waits it calls `on_wait` with the
seconds; `answer` stands for the person who is asked. tests/e2e runs the real definitions.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from holdfast.engine.restore import approving, ending, phase, started
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, TransientError
from holdfast.handler import carried, known_error
from holdfast.models.approval import Approval
from holdfast.models.restore import (
    CHANGE_PHASES,
    ChangeEnded,
    ChangeFailed,
    ChangeRequest,
    ChangeRun,
    ChangeState,
    Decided,
    EndedState,
    ExecutionContext,
    Failure,
    PhaseWork,
)
from holdfast.models.run import CaughtError, ErrorInfo, Outcome

ATTEMPTS = 7
LOOKS = 4000
ABORTED = Failure(
    error=ErrorInfo(code="run_aborted", family="permanent", message="the run was aborted"),
    phase="Rollback",
    goes_back=True,
)


class Stopped(BaseException):
    """The execution is stopped: no state runs any more, and nothing of ours hears of it here."""


class ChangeMachine:
    """`on_call(state)` runs before each call of a function, `after_call(state)` when it has worked and before its answer
    is heard; both may raise: `Stopped` ends the execution, any other error is the function's own."""

    def __init__(
        self,
        services: Services,
        *,
        answer: Callable[[ChangeRun], Approval] | None = None,
        on_wait: Callable[[float], None] = lambda _seconds: None,
        on_call: Callable[[str], None] = lambda _state: None,
        after_call: Callable[[str], None] = lambda _state: None,
    ) -> None:
        self.services, self.on_wait = services, on_wait
        self.on_call, self.after_call = on_call, after_call
        self.answer = answer or self.approved
        self.entered: list[str] = []
        self.calls = 0

    def execute(self, name: str, request: dict[str, Any], started_at: datetime) -> Outcome:
        self.context = ExecutionContext.model_validate({"Name": name, "StartTime": started_at, "Input": request})
        run: ChangeRun | None = None
        try:
            state = self._started()
            run = state.run
            if state.abort:
                return self._taken_back(run, ABORTED)
            approval = None if state.approved else self._approval(run)
            for each in CHANGE_PHASES:
                self._phase(run, each, approval)
            outcome = self._call("Report", lambda: ending.finish(self.services, state.run))
        except HoldfastError as error:
            return self._failed(run, error)
        assert isinstance(outcome, Outcome)
        return outcome

    def approved(self, run: ChangeRun) -> Approval:
        """By somebody who read the plan that is stored."""
        digest = self.services.runs.get(run.cluster_id, run.run_id).question
        assert digest
        return Approval(
            cluster=run.cluster_id, digest=digest.digest, approved_by="a test", approved_at=self.services.clock()
        )

    def _started(self) -> ChangeState:
        look = None
        for _ in range(LOOKS):
            request = ChangeRequest.model_validate(self.context.input)
            context, seen = self.context, look
            state: ChangeState = self._call(
                "Started", lambda: started.start(self.services, request, context.name, context.started_at, seen)
            )
            state = ChangeState.model_validate_json(_carried(state.model_dump_json()))
            if state.look is None:
                return state
            self.on_wait(state.look.wait_s)
            look = state.look
        raise AssertionError("Started waits for ever")

    def _approval(self, run: ChangeRun) -> Approval:
        self._call("Approval", lambda: approving.ask(self.services, run, "a-token"))
        return self.answer(run)

    def _phase(self, run: ChangeRun, name: Any, approval: Approval | None) -> None:
        work = PhaseWork(run=run, phase=name, approval=approval)
        for _ in range(LOOKS):
            now = work
            done: PhaseWork = self._call(name, lambda: phase.advance(self.services, now))
            work = PhaseWork.model_validate_json(_carried(done.model_dump_json()))
            if work.pending is None:
                return
            self.on_wait(work.pending.wait_s)
        raise AssertionError(f"{name} waits for ever")

    def _failed(self, run: ChangeRun | None, error: HoldfastError) -> Outcome:
        event = ChangeFailed(execution=self.context, run=run, error=_caught(error))
        failure: Failure = self._call("Failed", lambda: ending.decide(self.services, event))
        if failure.goes_back and run is not None:
            return self._taken_back(run, failure)
        return self._ended(run, failure, None)

    def _taken_back(self, run: ChangeRun, failure: Failure) -> Outcome:
        rollback = None
        try:
            self._phase(run, "Rollback", None)
        except HoldfastError as error:
            rollback = _caught(error)
        return self._ended(run, failure, rollback)

    def _ended(self, run: ChangeRun | None, failure: Failure, rollback: CaughtError | None) -> Outcome:
        state = EndedState(run=run, decided=Decided(told=failure), rollback=rollback)
        event = ChangeEnded(execution=self.context, state=state)
        outcome = self._call("Ended", lambda: ending.end(self.services, event))
        assert isinstance(outcome, Outcome)
        return outcome

    def _call(self, state: str, work: Callable[[], Any]) -> Any:
        if not self.entered or self.entered[-1] != state:
            self.entered.append(state)
        for attempt in range(1, ATTEMPTS + 1):
            self.calls += 1
            try:
                self.on_call(state)
                result = work()
                self.after_call(state)
            except Exception as error:
                ours = known_error(error)
                if not isinstance(ours, TransientError) or attempt == ATTEMPTS:
                    raise carried(ours, state) from error
                self.on_wait(3)
            else:
                return result
        raise AssertionError("every attempt returns or raises")


def _carried(text: str) -> str:
    """As Step Functions carries it: JSON, of a limited size."""
    assert len(text) < 262_144
    return text


def _caught(error: HoldfastError) -> CaughtError:
    cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
    return CaughtError(Error=type(error).__name__, Cause=cause)
