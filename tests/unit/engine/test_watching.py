"""Following a run: what is seen, and when it is over."""

import pytest

from builders.runs import BACKUP_ID, failed, run_record, succeeded
from builders.services import MemoryServices, services_with
from holdfast.engine.watching import (
    APPEARS_WITHIN_POLLS,
    CLOSES_WITHIN_POLLS,
    FORGIVEN_POLLS,
    Observation,
    follow,
    observe,
)
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.run import Progress

RUN = f"prod-1-{BACKUP_ID}"


class Sleeps:
    """Counts, and does not wait."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _: float) -> None:
        self.count += 1


def running() -> MemoryServices:
    services = services_with()
    services.executions.start(RUN, "{}")
    services.executions.enter(RUN, "Started")
    services.runs.open(run_record(RUN))
    return services


def raised_by(services: MemoryServices, sleeps: Sleeps, *, just_started: bool = False) -> HoldfastError:
    with pytest.raises(HoldfastError) as raised:
        list(follow(services, "prod-1", RUN, sleep=sleeps, just_started=just_started))
    return raised.value


def test_a_run_that_has_ended_is_seen_once() -> None:
    services = running()
    services.runs.close(succeeded(RUN))
    services.executions.finish(RUN)
    sleeps = Sleeps()
    (seen,) = follow(services, "prod-1", RUN, sleep=sleeps)
    assert seen.ended
    assert sleeps.count == 0


def test_an_outcome_counts_only_when_the_execution_is_over() -> None:
    services = running()
    services.runs.close(succeeded(RUN))
    assert not observe(services, "prod-1", RUN).ended
    services.executions.finish(RUN)
    assert observe(services, "prod-1", RUN).ended


def test_an_outcome_is_enough_when_the_execution_is_forgotten() -> None:
    services = services_with()
    services.runs.close(failed(run_id=RUN))
    assert observe(services, "prod-1", RUN).ended


def test_a_phase_that_came_and_went_between_two_looks_was_entered() -> None:
    services = running()
    services.executions.enter(RUN, "Verify")
    seen = observe(services, "prod-1", RUN)
    assert seen.entered == ("Started", "Snapshot", "Seal", "Verify")
    assert seen.phase == "Verify"


def test_the_state_failed_is_no_phase() -> None:
    services = running()
    services.executions.enter(RUN, "Failed")
    assert observe(services, "prod-1", RUN).entered == ("Started",)


def test_progress_is_that_of_the_phase_at_work() -> None:
    services = running()
    services.runs.progress("prod-1", RUN, Progress(phase="Snapshot", done=1, total=4))
    assert observe(services, "prod-1", RUN).progress == Progress(phase="Snapshot", done=1, total=4)
    services.executions.enter(RUN, "Seal")
    assert observe(services, "prod-1", RUN).progress is None


def test_nothing_is_known_of_a_run_before_it_began() -> None:
    seen = Observation(None, None)
    assert (seen.entered, seen.phase, seen.progress, seen.ended) == ((), "", None, False)


def test_an_unknown_run_ends_at_once_and_a_new_one_has_time_to_appear() -> None:
    sleeps = Sleeps()
    assert raised_by(services_with(), sleeps).code == "run_unknown"
    assert sleeps.count == 0
    assert raised_by(services_with(), sleeps, just_started=True).code == "run_unknown"
    assert sleeps.count == APPEARS_WITHIN_POLLS


def test_an_execution_that_ended_without_an_outcome_is_an_error_after_a_while() -> None:
    services = running()
    services.executions.finish(RUN, error="States.Timeout")
    sleeps = Sleeps()
    assert raised_by(services, sleeps).code == "run_outcome_missing"
    assert sleeps.count == CLOSES_WITHIN_POLLS


def test_errors_that_go_away_are_forgiven_up_to_a_number() -> None:
    busy = TransientError("state_unavailable", "busy")
    services = running()
    services.runs.close(succeeded(RUN))
    services.executions.finish(RUN)
    services.runs.fail("get", *[busy] * FORGIVEN_POLLS)
    assert [seen.ended for seen in follow(services, "prod-1", RUN, sleep=Sleeps())] == [True]
    services.runs.fail("get", *[busy] * (FORGIVEN_POLLS + 1))
    assert raised_by(services, Sleeps()) is busy


def test_an_error_that_stays_is_not_forgiven() -> None:
    services = running()
    services.runs.fail("get", PermanentError("state_access_denied", "no"))
    assert raised_by(services, Sleeps()).code == "state_access_denied"
