from datetime import timedelta

from builders.machine import BackupMachine
from builders.runs import run_record
from builders.services import START, MemoryServices, services_with
from holdfast.engine.progress import EVERY, ReportedProgress
from holdfast.errors import PermanentError, TransientError
from holdfast.models.run import BackupRun


def reporter(services: MemoryServices) -> ReportedProgress:
    record = run_record()
    services.runs.open(record)
    run = BackupRun(
        run_id=record.run_id,
        cluster_id=record.cluster_id,
        backup_id=str(record.backup_id),
        kind=record.kind,
        started_at=record.started_at,
    )
    return ReportedProgress(services, run, "Snapshot", 100)


def done(services: MemoryServices) -> int:
    return services.runs.get("prod-1", run_record().run_id).progress.done


def test_progress_is_written_at_once_and_then_every_so_often() -> None:
    services = services_with()
    progress = reporter(services)
    progress.report(10)
    progress.report(20)
    assert done(services) == 10
    services.clock.advance(EVERY + timedelta(milliseconds=1))
    progress.report(30)
    assert done(services) == 30


def test_a_database_that_grew_never_shows_more_than_all_of_it() -> None:
    services = services_with()
    reporter(services).report(150)
    assert services.runs.get("prod-1", run_record().run_id).progress.total == 150


def test_a_busy_table_does_not_cost_the_backup() -> None:
    services = services_with()
    progress = reporter(services)
    services.runs.fail("progress", TransientError("state_unavailable", "busy"))
    progress.report(10)
    assert done(services) == 0


def test_a_table_that_refuses_ends_the_run_and_says_why() -> None:
    services = services_with()
    services.runs.fail("progress", PermanentError("state_access_denied", "no"))
    outcome = BackupMachine(services).execute("prod-1", START)
    assert outcome.error is not None
    assert outcome.error.code == "state_access_denied"
