"""The backup state machine without Step Functions: the same phases, events, retries and Catch, in a loop.

It leaves out timeouts and waiting. tests/e2e runs the real definition.
"""

import json
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.engine import backup, outcome
from holdfast.engine.services import Services
from holdfast.engine.verification import verify
from holdfast.errors import HoldfastError, TransientError
from holdfast.handler import carried, known_error
from holdfast.models.backup import SnapshotObject
from holdfast.models.run import BackupRequest, BackupRun, CaughtError, FailedEvent, Outcome
from holdfast.planning.naming import scheduled_run_id

ATTEMPTS = 4
PHASES = ("Started", "Snapshot", "Seal", "Verify", "Retain", "Finished")


class Killed(BaseException):
    """The function is stopped in the middle: nothing of ours runs after it."""


class BackupMachine:
    """`on_phase(name)` is called before each attempt of a phase and may raise; `repeat` calls every phase twice."""

    def __init__(
        self, services: Services, *, on_phase: Callable[[str], None] = lambda _name: None, repeat: bool = False
    ) -> None:
        self.services, self.on_phase, self.repeat = services, on_phase, repeat
        self.run: BackupRun | None = None
        self.snapshot: SnapshotObject | None = None

    def execute(self, cluster: str, scheduled_time: datetime) -> Outcome:
        name = scheduled_run_id(cluster, scheduled_time)
        request = BackupRequest(cluster=cluster, kind="recurring")
        try:
            for phase in PHASES:
                result = self._attempts(phase, request, name, scheduled_time)
        except HoldfastError as error:
            return self._fail(request, name, scheduled_time, error)
        assert isinstance(result, Outcome)
        return result

    def _attempts(self, phase: str, request: BackupRequest, name: str, started_at: datetime) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.on_phase(phase)
                for _ in range(2 if self.repeat else 1):
                    result = self._phase(phase, request, name, started_at)
                return result
            except Exception as error:
                ours = known_error(error)
                if not isinstance(ours, TransientError) or attempt == ATTEMPTS:
                    raise carried(ours, phase) from error
        raise AssertionError("every attempt returns or raises")

    def _phase(self, phase: str, request: BackupRequest, name: str, started_at: datetime) -> Any:
        if phase == "Started":
            self.run = backup.start(self.services, request, name, started_at)
            return self.run
        assert self.run
        if phase == "Snapshot":
            self.snapshot = backup.take_snapshot(self.services, self.run)
        elif phase == "Seal":
            assert self.snapshot
            backup.seal(self.services, self.run, self.snapshot)
        elif phase == "Verify":
            with tempfile.TemporaryDirectory() as folder:
                verify(self.services, self.run, Path(folder))
        elif phase == "Retain":
            backup.retain(self.services, self.run)
        else:
            return outcome.finish(self.services, self.run)
        return None

    def _fail(self, request: BackupRequest, name: str, started_at: datetime, error: HoldfastError) -> Outcome:
        cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
        event = FailedEvent(
            input=request.model_dump(mode="json"),
            run_id=name,
            started_at=started_at,
            run=self.run,
            error=CaughtError(Error=type(error).__name__, Cause=cause),
        )
        return outcome.fail(self.services, event)
