"""Progress that a watcher can follow: a row in the table, moved at most every two seconds."""

from contextlib import suppress
from datetime import datetime, timedelta

from holdfast.engine.services import Services
from holdfast.errors import TransientError
from holdfast.models.run import BackupRun, Progress

EVERY = timedelta(seconds=2)


class ReportedProgress:
    """`report(done)` writes through when the last write is older than `EVERY`; the first call always does.

    A table that is busy for a moment costs a watcher one look, not the operator the backup.
    """

    def __init__(self, services: Services, run: BackupRun, phase: str, total: int) -> None:
        self._services, self._run, self._phase, self._total = services, run, phase, total
        self._written_at: datetime | None = None

    def report(self, done: int) -> None:
        now = self._services.clock()
        if self._written_at is None or now - self._written_at >= EVERY:
            self._written_at = now
            progress = Progress(phase=self._phase, done=done, total=max(self._total, done))
            with suppress(TransientError):
                self._services.runs.progress(self._run.cluster_id, self._run.run_id, progress)
