"""Progress that a watcher can follow: a row in the table, moved at most every two seconds."""

from contextlib import suppress
from datetime import datetime, timedelta

from holdfast.engine.services import Services
from holdfast.errors import HoldfastError
from holdfast.models.run import BackupRun, PhaseName, Progress
from holdfast.planning.backup_plan import LEASE

EVERY = timedelta(seconds=2)


def enter(services: Services, run: BackupRun, phase: PhaseName) -> None:
    """How every phase between Started and Finished begins: the lease must still be the run's, and the record says where
    it is, for a watcher and for Failed.

    RefusedError `lease_lost` for a run that was aborted, cleaned up after and redriven: another run may be at work by
    now, and Retain would take that one's snapshot for a leftover.
    """
    services.leases.renew(run.cluster_id, run.run_id, expires_at=services.clock() + LEASE)
    services.runs.progress(run.cluster_id, run.run_id, Progress(phase=phase))


class ReportedProgress:
    """`report(done)` writes through when the last write is older than `EVERY`; the first call always does.

    A table that fails costs the watcher a look, not the backup its stream.
    """

    def __init__(self, services: Services, run: BackupRun, phase: PhaseName, total: int) -> None:
        self._services, self._run, self._phase, self._total = services, run, phase, total
        self._written_at: datetime | None = None

    def report(self, done: int, said: dict[str, str] | None = None) -> None:
        """`said` is what a node says of its work, by its name."""
        now = self._services.clock()
        if self._written_at is None or now - self._written_at >= EVERY:
            self._written_at = now
            progress = Progress(phase=self._phase, done=done, total=max(self._total, done), said=said or {})
            with suppress(HoldfastError):
                self._services.runs.progress(self._run.cluster_id, self._run.run_id, progress)
