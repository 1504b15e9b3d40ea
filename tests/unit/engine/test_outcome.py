"""Whatever refuses while a run ends, its operator hears of the end, once and as it was."""

import pytest

from builders.machine import BackupMachine
from builders.services import START, services_with
from holdfast.engine.outcome import fail
from holdfast.errors import PermanentError, TransientError
from holdfast.models.run import CaughtError, FailedEvent
from holdfast.planning.naming import scheduled_run_id

NAME = scheduled_run_id("prod-1", START)
EVENT = FailedEvent(
    input={"cluster": "prod-1"}, run_id=NAME, started_at=START, error=CaughtError(Error="Runtime.ExitError")
)


def test_a_table_that_refuses_does_not_keep_a_failure_from_the_operator() -> None:
    services = services_with()
    services.runs.fail("close", PermanentError("state_table_missing", "there is no table"))
    with pytest.raises(PermanentError, match="state_table_missing"):
        fail(services, EVENT)
    assert [outcome.status for outcome in services.notifier.outcomes] == ["failed"]


def test_a_table_that_answers_on_the_next_try_costs_no_second_message() -> None:
    services = services_with()
    services.runs.fail("close", TransientError("state_unavailable", "throttled"))
    with pytest.raises(TransientError):
        fail(services, EVENT)
    fail(services, EVENT)
    assert len(services.notifier.outcomes) == 1


def test_a_success_that_cannot_be_recorded_is_not_told_as_one() -> None:
    services = services_with()
    services.runs.fail("close", PermanentError("state_refused", "not now"))
    outcome = BackupMachine(services).execute("prod-1", START)
    assert outcome.status == "failed"
    assert services.notifier.outcomes == [outcome]
