"""What every execution store keeps: in memory, and Step Functions (on moto, which runs the state machine)."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from builders.moto_aws import ACCOUNT, REGION, AnswersWith, moto_aws
from builders.waiting import wait_for
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.executions.base import Executions, ExecutionView
from holdfast.executions.memory import MemoryExecutions
from holdfast.executions.stepfunctions import StepFunctionsExecutions

ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:backup"
NAME = "prod-1-20261120T120000Z-r-1a2b3c"
PAYLOAD = json.dumps({"cluster": "prod-1", "kind": "recurring"})
# The machine waits where a test wants it to run on, fails where it wants a failure, and passes two phases otherwise.
MACHINE = {
    "StartAt": "Started",
    "States": {
        "Started": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.cluster", "StringEquals": "slow", "Next": "Snapshot"},
                {"Variable": "$.cluster", "StringEquals": "broken", "Next": "Failed"},
            ],
            "Default": "Finished",
        },
        "Snapshot": {"Type": "Wait", "Seconds": 600, "Next": "Finished"},
        "Finished": {"Type": "Pass", "End": True},
        "Failed": {"Type": "Fail", "Error": "PermanentError", "Cause": "no member answers"},
    },
}


@dataclass(frozen=True)
class Machine:
    """`finish` lets an execution of the given cluster come to where it stops; in memory it says how that looks. `begun`
    waits until it is at work: moto cannot stop one before."""

    executions: Executions
    finish: Callable[[str, str], None]
    begun: Callable[[str], None]


@pytest.fixture(params=["memory", "stepfunctions"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    if request.param == "memory":
        memory = MemoryExecutions()
        yield Machine(memory, lambda name, cluster: _play(memory, name, cluster), lambda _name: None)
        return
    with _stepfunctions() as machine:
        yield machine


@contextmanager
def _stepfunctions() -> Iterator[Machine]:
    with moto_aws({"stepfunctions": {"execute_state_machine": True}}) as client:
        states = client("stepfunctions")
        role = f"arn:aws:iam::{ACCOUNT}:role/machine"
        states.create_state_machine(name="backup", definition=json.dumps(MACHINE), roleArn=role)
        executions = StepFunctionsExecutions(states, ARN)
        yield Machine(executions, lambda name, _: _wait(executions, name), lambda name: _begun(executions, name))
        for execution in states.list_executions(stateMachineArn=ARN, statusFilter="RUNNING")["executions"]:
            _begun(executions, execution["name"])
            states.stop_execution(executionArn=execution["executionArn"])


def _play(memory: MemoryExecutions, name: str, cluster: str) -> None:
    for phase in ("Started", "Failed" if cluster == "broken" else "Finished"):
        memory.enter(name, phase)
    failure = {"error": "PermanentError", "cause": "no member answers"} if cluster == "broken" else {}
    memory.finish(name, **failure)


def _wait(executions: Executions, name: str) -> None:
    for _ in range(10_000):
        if executions.view(name).status != "RUNNING":
            return
    raise AssertionError(f"{name} does not end")


def _begun(executions: Executions, name: str) -> None:
    wait_for(lambda: executions.view(name).phases or None, f"the first state of {name}")


def start(machine: Machine, name: str, cluster: str) -> bool:
    return machine.executions.start(name, json.dumps({"cluster": cluster}))


def test_a_new_name_starts_an_execution(machine: Machine) -> None:
    assert start(machine, NAME, "slow") is True
    assert machine.executions.view(NAME).status == "RUNNING"


def test_the_same_name_and_input_while_it_runs_starts_nothing(machine: Machine) -> None:
    start(machine, NAME, "slow")

    assert start(machine, NAME, "slow") is False


def test_the_same_name_with_another_input_starts_nothing(machine: Machine) -> None:
    start(machine, NAME, "slow")

    assert start(machine, NAME, "prod-2") is False


def test_the_same_name_after_the_end_starts_nothing(machine: Machine) -> None:
    start(machine, NAME, "prod-1")
    machine.finish(NAME, "prod-1")

    assert start(machine, NAME, "prod-1") is False


def test_a_view_names_the_phases_in_order(machine: Machine) -> None:
    start(machine, NAME, "prod-1")
    machine.finish(NAME, "prod-1")

    assert machine.executions.view(NAME) == ExecutionView(NAME, "SUCCEEDED", ("Started", "Finished"))


def test_a_view_of_a_failed_execution_carries_error_and_cause(machine: Machine) -> None:
    start(machine, NAME, "broken")
    machine.finish(NAME, "broken")

    expected = ExecutionView(NAME, "FAILED", ("Started", "Failed"), "PermanentError", "no member answers")
    assert machine.executions.view(NAME) == expected


def test_an_unknown_name_is_named(machine: Machine) -> None:
    with pytest.raises(PermanentError, match="nothing-1") as caught:
        machine.executions.view("nothing-1")

    assert caught.value.code == "run_unknown"


def test_an_execution_is_stopped(machine: Machine) -> None:
    start(machine, NAME, "slow")
    machine.begun(NAME)

    machine.executions.stop(NAME, "ops aborted it")

    _wait(machine.executions, NAME)
    assert machine.executions.view(NAME).status == "ABORTED"


def test_a_stop_leaves_an_execution_as_it_is_that_is_over(machine: Machine) -> None:
    start(machine, NAME, "prod-1")
    machine.finish(NAME, "prod-1")

    machine.executions.stop(NAME, "ops aborted it")

    assert machine.executions.view(NAME).status == "SUCCEEDED"


def test_an_execution_that_is_to_be_stopped_and_unknown_is_named(machine: Machine) -> None:
    with pytest.raises(PermanentError, match="nothing-1") as caught:
        machine.executions.stop("nothing-1", "ops aborted it")

    assert caught.value.code == "run_unknown"


@pytest.mark.parametrize("well", [True, False])
def test_a_question_is_answered_once(*, well: bool) -> None:
    """In memory only: moto and the embedded stack keep a token open that was used, which AWS does not."""
    executions, token = MemoryExecutions(), "token-1"
    executions.wait_for(token)
    if well:
        executions.answer(token, "{}")
    else:
        executions.decline(token, "Holdfast.Declined", "ops declined it")

    with pytest.raises(PermanentError) as answered_again:
        executions.answer(token, "{}")
    with pytest.raises(PermanentError) as declined_again:
        executions.decline(token, "Holdfast.Declined", "ops declined it")
    assert answered_again.value.code == declined_again.value.code == "question_closed"


def test_a_token_that_nobody_waits_with_is_refused(machine: Machine) -> None:
    with pytest.raises(PermanentError) as caught:
        machine.executions.answer("no-such-token", "{}")

    assert caught.value.code == "question_closed"


def test_a_missing_state_machine_is_named() -> None:
    """On AWS, asking for an execution of a missing state machine says that the execution does not exist."""
    with moto_aws() as client:
        states = client("stepfunctions")
        states.create_state_machine(
            name="other", definition=json.dumps(MACHINE), roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine"
        )
        with pytest.raises(PermanentError, match="stateMachine:backup") as caught:
            StepFunctionsExecutions(states, ARN).start(NAME, PAYLOAD)

    assert caught.value.code == "state_machine_missing"


class TwoPages:
    """A client whose history has two pages, and whose execution is waiting for a redrive: moto does neither."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        return {"status": "PENDING_REDRIVE"}

    def get_paginator(self, name: str) -> "TwoPages":
        assert name == "get_execution_history"
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        entered = [{"stateEnteredEventDetails": {"name": name}} for name in ("Started", "Snapshot", "Seal")]
        return [{"events": [{"type": "ExecutionStarted"}, *entered[:2]]}, {"events": entered[2:]}]


def test_a_long_history_is_read_to_its_end_and_a_redrive_is_running() -> None:
    with moto_aws() as client:
        view = StepFunctionsExecutions(TwoPages(client("stepfunctions")), ARN).view(NAME)

    assert view == ExecutionView(NAME, "RUNNING", ("Started", "Snapshot", "Seal"))


CALLS: list[Callable[[Executions], object]] = [
    lambda executions: executions.start(NAME, PAYLOAD),
    lambda executions: executions.view(NAME),
    lambda executions: executions.stop(NAME, "ops aborted it"),
    lambda executions: executions.answer("token", "{}"),
    lambda executions: executions.decline("token", "Holdfast.Declined", "ops declined it"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "status", "family", "code"),
    [
        ("ThrottlingException", 400, TransientError, "executions_unavailable"),
        ("ServiceUnavailable", 503, TransientError, "executions_unavailable"),
        ("AccessDeniedException", 400, PermanentError, "executions_access_denied"),
        ("InvalidName", 400, PermanentError, "executions_refused"),
    ],
)
def test_what_step_functions_answers_is_read(
    call: Callable[[Executions], object], answer: str, status: int, family: type[HoldfastError], code: str
) -> None:
    with moto_aws() as client, pytest.raises(family) as caught:
        call(StepFunctionsExecutions(AnswersWith(client("stepfunctions"), answer, status), ARN))

    assert caught.value.code == code


def test_a_double_keeps_payloads_and_fails_on_demand() -> None:
    memory = MemoryExecutions()
    memory.fail("start", TransientError("executions_unavailable", "on demand"))

    with pytest.raises(TransientError):
        memory.start(NAME, PAYLOAD)
    memory.start(NAME, PAYLOAD)
    assert memory.payloads == {NAME: PAYLOAD}
