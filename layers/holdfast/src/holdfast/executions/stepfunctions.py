"""Executions of one state machine on AWS Step Functions (a standard workflow)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

from holdfast.aws import AwsErrors
from holdfast.errors import PermanentError
from holdfast.executions.base import ExecutionView, Status
from holdfast.executions.failures import question_closed, run_unknown

_ERRORS = AwsErrors(
    unavailable="executions_unavailable",
    denied="executions_access_denied",
    refused="executions_refused",
    denied_hint="the role needs the states action on the state machine, and on its executions to look at one",
)


class StepFunctionsExecutions:
    """The Executions on Step Functions."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, payload: str) -> bool:
        """Asks for the name first: StartExecution answers a repeated name with an error only when the first execution
        is over or had another input; while it runs, the answer is the first one's and looks like a new start. What
        decides is StartExecution: two callers at the same instant may both be told True, and there is one execution.
        """
        if self._exists(name):
            return False
        with _ERRORS.read(f"start the execution {name}"):
            try:
                self._client.start_execution(stateMachineArn=self._state_machine_arn, name=name, input=payload)
            except self._client.exceptions.ExecutionAlreadyExists:
                return False
            except self._client.exceptions.StateMachineDoesNotExist as error:
                raise PermanentError(
                    "state_machine_missing",
                    f"there is no state machine {self._state_machine_arn}",
                    hint="deploy the stack, or check the region and the stack's output StateMachineArn",
                ) from error
        return True

    def view(self, name: str) -> ExecutionView:
        with _ERRORS.read(f"look at the execution {name}"):
            try:
                found = self._client.describe_execution(executionArn=self._arn(name))
                phases = tuple(self._entered(name))
            except self._client.exceptions.ExecutionDoesNotExist:
                raise run_unknown(name) from None
        return ExecutionView(
            name=name,
            status=_status(found["status"]),
            phases=phases,
            error=found.get("error") or "",
            cause=found.get("cause") or "",
        )

    def stop(self, name: str, cause: str) -> None:
        with _ERRORS.read(f"stop the execution {name}"):
            try:
                self._client.stop_execution(executionArn=self._arn(name), error="Holdfast.Aborted", cause=cause)
            except self._client.exceptions.ExecutionDoesNotExist:
                raise run_unknown(name) from None

    def answer(self, token: str, payload: str) -> None:
        with self._settling("answer a question"):
            self._client.send_task_success(taskToken=token, output=payload)

    def decline(self, token: str, error: str, cause: str) -> None:
        with self._settling("decline a question"):
            self._client.send_task_failure(taskToken=token, error=error, cause=cause)

    @contextmanager
    def _settling(self, doing: str) -> Iterator[None]:
        known = self._client.exceptions
        with _ERRORS.read(doing):
            try:
                yield
            except (known.TaskDoesNotExist, known.TaskTimedOut, known.InvalidToken):
                raise question_closed() from None

    def _exists(self, name: str) -> bool:
        with _ERRORS.read(f"look for the execution {name}"):
            try:
                self._client.describe_execution(executionArn=self._arn(name))
            except self._client.exceptions.ExecutionDoesNotExist:
                return False
        return True

    def _entered(self, name: str) -> Iterator[str]:
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=self._arn(name), includeExecutionData=False
        )
        for page in pages:
            for event in page["events"]:
                if "stateEnteredEventDetails" in event:
                    yield event["stateEnteredEventDetails"]["name"]

    def _arn(self, name: str) -> str:
        return f"{self._state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def _status(text: str) -> Status:
    """PENDING_REDRIVE, the one other status that AWS names, is an execution that will go on."""
    known: tuple[Status, ...] = get_args(Status.__value__)
    return next((status for status in known if status == text), "RUNNING")
