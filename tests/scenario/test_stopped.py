"""The events that end a run from outside: a hostile input, a killed function, an execution that somebody stopped."""

import json

import pytest

from builders.machine import BackupMachine, Killed
from builders.services import START, services_with
from holdfast.engine.outcome import fail, stop
from holdfast.models.run import CaughtError, FailedEvent, StatusChangeEvent
from holdfast.planning.naming import scheduled_run_id

NAME = scheduled_run_id("prod-1", START)


def status_change(status: str, **changes: object) -> StatusChangeEvent:
    detail = {
        "executionArn": f"arn:aws:states:eu-west-1:111111111111:execution:backup:{NAME}",
        "name": NAME,
        "status": status,
        "startDate": int(START.timestamp() * 1000),
        "input": json.dumps({"cluster": "prod-1", "kind": "recurring"}),
    }
    return StatusChangeEvent.model_validate({"source": "aws.states", "detail": detail | changes})


@pytest.mark.parametrize(("status", "code"), [("ABORTED", "run_aborted"), ("TIMED_OUT", "run_timeout")])
def test_a_stopped_execution_is_told_and_gives_its_lease_back(status: str, code: str) -> None:
    services = services_with()

    def stop_there(phase: str) -> None:
        if phase == "Seal":
            raise Killed

    with pytest.raises(Killed):
        BackupMachine(services, on_phase=stop_there).execute("prod-1", START)
    assert services.leases.holder("prod-1") == NAME
    outcome = stop(services, status_change(status))
    assert outcome.error is not None
    assert outcome.error.code == code
    assert services.leases.holder("prod-1") is None
    assert [key for key in services.bucket.objects if key.endswith("snapshot.db.zst")] == []
    assert services.notifier.outcomes == [outcome]


@pytest.mark.parametrize("raw", [None, "text", 7, [], {}, {"cluster": "../x"}, {"cluster": "prod-1", "extra": 1}])
def test_an_input_that_names_no_cluster_ends_in_an_outcome_all_the_same(raw: object) -> None:
    services = services_with()
    event = FailedEvent(
        input=raw, run_id="some-name", started_at=START, error=CaughtError(Error="InvalidInputError", Cause="{}")
    )
    outcome = fail(services, event)
    assert (outcome.cluster_id, outcome.status) == ("unknown", "failed")
    assert services.notifier.outcomes == [outcome]


def test_an_execution_whose_name_is_no_run_id_ends_in_an_outcome_too() -> None:
    services = services_with()
    event = FailedEvent(
        input={"cluster": "prod-1"}, run_id="my.run", started_at=START, error=CaughtError(Error="InvalidInputError")
    )
    outcome = fail(services, event)
    assert (outcome.run_id, outcome.status) == ("my.run", "failed")
    assert services.notifier.outcomes == [outcome]


@pytest.mark.parametrize("text", [None, "", "not json", "[1]"])
def test_a_status_change_with_a_strange_input_is_read(text: str | None) -> None:
    services = services_with()
    outcome = stop(services, status_change("ABORTED", input=text))
    assert outcome.cluster_id == "unknown"


def test_a_failure_that_no_catch_sees_is_told_and_gives_the_lease_back() -> None:
    services = services_with()

    def stop_there(phase: str) -> None:
        if phase == "Verify":
            raise Killed

    with pytest.raises(Killed):
        BackupMachine(services, on_phase=stop_there).execute("prod-1", START)
    outcome = stop(services, status_change("FAILED", error="States.DataLimitExceeded", cause="too large"))
    assert outcome.error is not None
    assert outcome.error.code == "input_too_large"
    assert services.leases.holder("prod-1") is None
    assert services.notifier.outcomes == [outcome]


@pytest.mark.parametrize("status", ["ABORTED", "FAILED", "TIMED_OUT"])
def test_an_end_that_was_told_is_not_told_again(status: str) -> None:
    services = services_with()
    outcome = BackupMachine(services).execute("prod-1", START)
    assert stop(services, status_change(status)) == outcome
    assert services.notifier.outcomes == [outcome]
    assert services.runs.get("prod-1", NAME).outcome == outcome


def test_a_wrong_input_is_told_once_though_its_execution_failed_too() -> None:
    services = services_with()
    event = FailedEvent(input={}, run_id=NAME, started_at=START, error=CaughtError(Error="InvalidInputError"))
    outcome = fail(services, event)
    assert stop(services, status_change("FAILED", input="{}")) == outcome
    assert services.notifier.outcomes == [outcome]
