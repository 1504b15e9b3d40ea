"""A run's record says where the run is, and a watcher's look is never worth a backup."""

from datetime import timedelta

import pytest

from builders.services import START, MemoryServices, services_with
from holdfast.engine import backup
from holdfast.engine.progress import EVERY, ReportedProgress
from holdfast.errors import PermanentError, TransientError
from holdfast.etcd.memory import FailsBefore
from holdfast.models.run import BackupRequest, BackupState, Progress
from holdfast.planning.naming import scheduled_run_id

NAME = scheduled_run_id("prod-1", START)


def started() -> tuple[MemoryServices, BackupState]:
    services = services_with()
    return services, backup.start(services, BackupRequest(cluster="prod-1"), NAME, START)


def known(services: MemoryServices) -> Progress:
    return services.runs.get("prod-1", NAME).progress


def test_a_phase_is_noted_before_its_work_begins() -> None:
    services, state = started()
    services.member.fault = FailsBefore(PermanentError("etcd_untrusted", "foreign certificate"))
    with pytest.raises(PermanentError, match="etcd_untrusted"):
        backup.take_snapshot(services, state)
    assert known(services).phase == "Snapshot"


def test_figures_are_written_every_two_seconds() -> None:
    services, state = started()
    progress = ReportedProgress(services, state.run, "Snapshot", total=100)
    for done in (10, 20):
        progress.report(done)
    assert known(services).done == 10
    services.clock.advance(EVERY)
    progress.report(30)
    assert known(services) == Progress(phase="Snapshot", done=30, total=100)


def test_a_table_that_fails_in_mid_stream_costs_a_look_and_no_backup() -> None:
    services, state = started()
    progress = ReportedProgress(services, state.run, "Snapshot", total=100)
    services.runs.fail("progress", TransientError("state_unavailable", "throttled"))
    progress.report(10)
    services.clock.advance(EVERY + timedelta(seconds=1))
    progress.report(20)
    assert known(services).done == 20
