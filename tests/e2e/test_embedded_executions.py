"""What Holdfast relies on from the state machines, events and schedules of the embedded stack."""

import json
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from builders.probe import Probe
from builders.waiting import wait_for


def test_a_state_machine_has_its_context_and_intrinsics(probe: Probe) -> None:
    ended = probe.execute("a-b", do="greet")
    output = json.loads(ended["output"])

    assert ended["status"] == "SUCCEEDED"
    assert output["execution"] == "a-b"
    assert output["parts"] == ["a", "b"]
    assert output["text"].startswith("a-b of holdfast-Machine")
    assert output["result"]["greeting"] == "Hello, a-b"


@pytest.mark.parametrize(
    ("name", "event", "error"),
    [
        ("raises", {"do": "raise"}, "ProbeError"),
        ("dies", {"do": "die"}, "Runtime.ExitError"),
        ("sleeps", {"do": "sleep", "seconds": 30}, "Sandbox.Timedout"),
    ],
)
def test_a_failing_task_is_caught_by_name_and_fails_with_its_cause(
    probe: Probe, name: str, event: dict[str, object], error: str
) -> None:
    ended = probe.execute(name, **event)

    assert ended["status"] == "FAILED"
    assert ended["error"] == error
    assert json.loads(ended["cause"])["errorType"] == error


def test_the_same_execution_name_with_another_input_is_refused(probe: Probe) -> None:
    probe.start("once", do="greet")

    with pytest.raises(ClientError) as caught:
        probe.start("once", do="greet", more=1)

    assert caught.value.response["Error"]["Code"] == "ExecutionAlreadyExists"


def test_an_aborted_execution_is_an_event_that_reaches_a_function(probe: Probe) -> None:
    states, execution = probe.client("stepfunctions"), probe.start("stopped", do="sleep", seconds=1)

    def at_work() -> bool:
        history = states.get_execution_history(executionArn=execution)["events"]
        return "LambdaFunctionStarted" in {event["type"] for event in history}

    # LocalStack fails an execution that is stopped while it evaluates an intrinsic function.
    wait_for(at_work, "the task")
    states.stop_execution(executionArn=execution, error="Stopped", cause="by hand")

    event = wait_for(lambda: _event_of(probe, execution), "the event ABORTED")

    assert event["detail"]["status"] == "ABORTED"
    assert json.loads(event["detail"]["input"])["name"] == "stopped"


def test_an_execution_over_its_time_is_an_event_that_reaches_a_function(probe: Probe) -> None:
    states = probe.client("stepfunctions")
    described = states.describe_state_machine(stateMachineArn=probe.info.outputs["MachineArn"])
    definition = json.loads(described["definition"])
    waits = {"Type": "Wait", "Seconds": 60, "End": True}
    states.update_state_machine(
        stateMachineArn=described["stateMachineArn"],
        definition=json.dumps({"StartAt": "W", "TimeoutSeconds": 1, "States": {"W": waits}}),
    )
    execution = probe.start("too-long")
    states.update_state_machine(stateMachineArn=described["stateMachineArn"], definition=json.dumps(definition))

    event = wait_for(lambda: _event_of(probe, execution), "the event TIMED_OUT")

    assert event["detail"]["status"] == "TIMED_OUT"


def _event_of(probe: Probe, execution: str) -> dict[str, Any] | None:
    events = probe.observed("Step Functions Execution Status Change")
    return next((event for event in events if event["detail"]["executionArn"] == execution), None)


def _schedule(probe: Probe, name: str, expression: str, text: str) -> dict[str, Any]:
    target = {
        "Arn": probe.info.outputs["ObserverFunctionArn"],
        "RoleArn": probe.info.outputs["SchedulerRoleArn"],
        "Input": text,
    }
    return {
        "Name": name,
        "GroupName": probe.info.outputs["ScheduleGroup"],
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }


def test_a_rate_schedule_fires_at_once_with_the_scheduled_time_in_its_input(probe: Probe) -> None:
    text = json.dumps({"name": "rate", "at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"})
    created = probe.client("scheduler").create_schedule(**_schedule(probe, "every-hour", "rate(1 hour)", text))

    fired = wait_for(lambda: [event for event in probe.observed("schedule") if event["name"] == "rate"], "the schedule")

    assert len(fired) == 1
    assert fired[0]["by"] == created["ScheduleArn"]
    assert datetime.strptime(fired[0]["at"], "%Y-%m-%dT%H:%M:%S%z")


def test_an_updated_schedule_fires_anew_and_a_disabled_one_does_not(probe: Probe) -> None:
    scheduler = probe.client("scheduler")
    disabled = _schedule(probe, "sleeping", "rate(1 hour)", json.dumps({"name": "disabled"})) | {"State": "DISABLED"}
    scheduler.create_schedule(**disabled)
    scheduler.create_schedule(**_schedule(probe, "changed", "cron(0 0 1 1 ? 2199)", json.dumps({"name": "before"})))
    scheduler.update_schedule(**_schedule(probe, "changed", "rate(1 hour)", json.dumps({"name": "after"})))

    wait_for(lambda: [event for event in probe.observed("schedule") if event["name"] == "after"], "the schedule")

    assert {event["name"] for event in probe.observed("schedule")}.isdisjoint({"before", "disabled"})
