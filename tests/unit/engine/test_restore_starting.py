"""Going on with a run and taking it back, from outside of it: what is stopped, what is refused before anything is."""

import json
from collections.abc import Callable

import pytest

from builders.changes import RUN, approved, begin, end, note, reach, wait_for_approval
from builders.services import MemoryServices, services_with
from holdfast.engine.restore.starting import abort_change, resume_change
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.run import StartedRun
from holdfast.planning.naming import run_key

CLUSTER = "prod-1"


def at_work(step: str = "stop-api") -> MemoryServices:
    services = services_with()
    begin(services)
    approved(services)
    reach(services, "Restore")
    note(services, step)
    return services


def abort(services: MemoryServices, sleep: Callable[[float], None] = lambda _: None) -> StartedRun | None:
    return abort_change(services, CLUSTER, RUN, aborted_by="ops", sleep=sleep)


def resume(services: MemoryServices, sleep: Callable[[float], None] = lambda _: None) -> StartedRun:
    return resume_change(services, CLUSTER, RUN, sleep=sleep)


def test_past_the_point_of_no_return_an_abort_is_refused_and_the_restore_goes_on() -> None:
    services = at_work("swap")
    with pytest.raises(RefusedError) as raised:
        abort(services)
    assert raised.value.code == "past_no_return"
    assert services.changes.view(RUN).status == "RUNNING"
    assert list(services.changes.payloads) == [RUN]


def test_a_run_that_has_succeeded_is_not_aborted() -> None:
    services = at_work("swap")
    end(services)
    with pytest.raises(RefusedError, match="nothing_to_resume"):
        abort(services)


def test_an_approved_run_that_waits_for_a_backup_is_stopped_and_taken_back() -> None:
    """Its record still has the question, to which nobody listens any more."""
    services = services_with()
    begin(services)
    wait_for_approval(services)
    services.changes.answer(services.runs.get(CLUSTER, RUN).question.token, "{}")  # type: ignore[union-attr]
    back = abort(services, lambda _: end(services, code="run_aborted", phase="Shutdown"))
    assert back is not None
    assert json.loads(services.changes.payloads[back.execution]) == {"cluster": CLUSTER, "abort": RUN}
    assert services.changes.view(RUN).error == "run_aborted"


def test_a_run_that_is_stopped_before_it_has_a_plan_ends_and_there_is_nothing_to_take_back() -> None:
    services = services_with()
    begin(services)
    services.bucket.remove([run_key(CLUSTER, RUN, "plan.json")])
    assert abort(services, lambda _: end(services, code="run_aborted", phase="Started")) is None
    assert list(services.changes.payloads) == [RUN]


@pytest.mark.parametrize("how", [abort, resume])
def test_an_end_that_nobody_told_is_told_by_whoever_goes_on(how: Callable[[MemoryServices], StartedRun]) -> None:
    """The event was lost, or its function failed: the record says that the run is at work, and nobody is."""
    services = at_work()
    services.leases.acquire(CLUSTER, RUN, now=services.clock(), expires_at=services.clock().replace(year=2027))
    services.changes.stop(RUN, "somebody in the console")
    started = how(services)
    record = services.runs.get(CLUSTER, RUN)
    assert record.outcome is not None
    assert record.outcome.error is not None
    assert (record.outcome.error.code, record.outcome.phase) == ("run_aborted", "Restore")
    assert services.notifier.outcomes == [record.outcome]
    assert services.leases.holder(CLUSTER) is None
    assert services.changes.payloads[started.execution]


def test_an_end_that_is_told_meanwhile_is_not_told_again() -> None:
    services = at_work()
    services.changes.stop(RUN, "somebody in the console")
    resume(services, lambda _: end(services, code="run_timeout", phase="Restore"))
    outcome = services.runs.get(CLUSTER, RUN).outcome
    assert outcome is not None
    assert outcome.error is not None
    assert outcome.error.code == "run_timeout"
    assert services.notifier.outcomes == []


def test_a_run_whose_execution_is_forgotten_can_be_resumed() -> None:
    services = at_work()
    services.changes = type(services.changes)()
    assert resume(services).execution == f"{RUN}-2"
    assert services.runs.get(CLUSTER, RUN).outcome is not None


def test_a_run_at_work_is_told_so_by_the_execution_that_would_go_on() -> None:
    services = at_work()
    assert resume(services).execution == f"{RUN}-2"
    assert services.runs.get(CLUSTER, RUN).outcome is None


def test_a_backup_is_no_run_to_be_taken_back() -> None:
    services = services_with()
    begin(services, job="backup")
    with pytest.raises(PermanentError, match="not_a_change"):
        abort(services)
    assert services.changes.view(RUN).status == "RUNNING"
