"""The backup that a restore starts when it has succeeded."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from builders.changes import NODES, RUN, begin, note, reach, restore_plan
from builders.command_line import holdfast
from builders.runs import NOON
from builders.services import MemoryServices, services_with
from holdfast.engine.restore import ending
from holdfast.engine.restore.stored import run_of
from holdfast.errors import PermanentError, TransientError
from holdfast.executions.memory import MemoryExecutions
from holdfast.models.run import BackupRequest, Outcome
from holdfast.notify.message import body
from holdfast.planning.backup_plan import LEASE
from holdfast.planning.naming import backup_id_of_run, parse_backup_id

CLUSTER = "prod-1"


class Begun(MemoryExecutions):
    """A start is followed at once by what its state Started does first."""

    def __init__(self, first: Callable[[str], None]) -> None:
        super().__init__()
        self._first = first

    def start(self, name: str, payload: str) -> bool:
        new = super().start(name, payload)
        if new:
            self._first(name)
        return new


def at_its_end(*, backup_after: bool = True) -> MemoryServices:
    """A run whose steps are done, and which holds the lease."""
    services = services_with()
    plan = restore_plan(backup_after=backup_after)
    begin(services, plan=plan)
    for step in plan.steps[:-1]:
        note(services, step.name, NODES)
    reach(services, "Finished")
    services.leases.acquire(CLUSTER, RUN, now=services.clock(), expires_at=services.clock() + LEASE)

    def takes_the_lease(name: str) -> None:
        now = services.clock()
        services.leases.acquire(CLUSTER, name, now=now, expires_at=now + LEASE)

    services.executions = Begun(takes_the_lease)
    return services


def finished(services: MemoryServices) -> Outcome:
    return ending.finish(services, run_of(services.runs.get(CLUSTER, RUN)))


def test_the_backup_begins_with_the_lease_that_the_restore_gave_back() -> None:
    services = at_its_end()
    outcome = finished(services)
    ((name, payload),) = services.executions.payloads.items()
    assert outcome.followed_by == name
    assert json.loads(payload) == BackupRequest(cluster=CLUSTER, kind="manual").model_dump()
    assert services.leases.holder(CLUSTER) == name


def test_it_is_named_after_the_end_of_the_last_step_and_sorts_after_all_that_was_before() -> None:
    name = finished(at_its_end()).followed_by
    moment, kind = parse_backup_id(backup_id_of_run(CLUSTER, name, NOON, "manual"))
    assert (moment, kind) == (NOON + timedelta(seconds=7), "manual")


def test_a_report_that_is_tried_again_starts_no_second_one() -> None:
    services = at_its_end()
    first = finished(services)
    services.clock.advance(timedelta(seconds=40))
    assert finished(services).followed_by == first.followed_by
    assert len(services.executions.payloads) == 1


@pytest.mark.parametrize("error", [PermanentError, TransientError])
def test_a_restore_whose_backup_cannot_be_started_has_succeeded_and_says_what_to_do(
    error: type[PermanentError] | type[TransientError],
) -> None:
    services = at_its_end()
    services.executions.fail("start", error("executions_unavailable", "the test says so"))
    outcome = finished(services)
    assert (outcome.status, outcome.followed_by) == ("succeeded", "")
    assert any(f"holdfast backup run {CLUSTER}" in warning for warning in outcome.warnings)
    assert services.leases.holder(CLUSTER) is None


def test_a_plan_that_asks_for_none_starts_none() -> None:
    services = at_its_end(backup_after=False)
    assert finished(services).followed_by == ""
    assert services.executions.payloads == {}


def test_whoever_is_told_of_the_restore_is_told_of_the_backup() -> None:
    services = at_its_end()
    outcome = finished(services)
    line = f"holdfast run watch {outcome.followed_by}"
    assert outcome.followed_by in body(services.notifier.outcomes[-1])
    assert line in holdfast("restore", "status", RUN, services=services).stdout
    assert line in holdfast("run", "show", RUN, services=services).stdout
