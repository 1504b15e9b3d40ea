"""The backup state machine without Step Functions: the same phases, events, retries and Catch, in a loop.

It leaves out timeouts. Where the real one waits it calls `on_wait` with the seconds. tests/e2e runs the real
definition.
"""

import json
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.engine import backup, locking, outcome
from holdfast.engine.retention import retain
from holdfast.engine.services import Services
from holdfast.engine.verification import verify
from holdfast.errors import HoldfastError, TransientError
from holdfast.handler import carried, known_error
from holdfast.models.run import BackupRequest, BackupState, CaughtError, FailedEvent, Outcome
from holdfast.planning.naming import scheduled_run_id

ATTEMPTS = 4
# The real machine may look some 350 times in its 6,600 seconds; no test needs as many.
LOOKS = 200
PHASES = ("Started", "Snapshot", "Secrets", "Seal", "Verify", "Lock", "Retain", "Finished")


class Killed(BaseException):
    """The function is stopped in the middle: nothing of ours runs after it."""


class BackupMachine:
    """`on_phase(name)` is called before each attempt of a phase and may raise. `repeat` calls every phase twice with
    the same input, as Step Functions does after an answer that was lost, and goes on with the second answer."""

    def __init__(
        self,
        services: Services,
        *,
        on_phase: Callable[[str], None] = lambda _name: None,
        on_wait: Callable[[int], None] = lambda _seconds: None,
        repeat: bool = False,
        force: bool = False,
    ) -> None:
        self.services, self.on_phase, self.on_wait, self.repeat = services, on_phase, on_wait, repeat
        self.force = force
        self.state: BackupState | None = None
        self.waits = 0

    def execute(self, cluster: str, scheduled_time: datetime) -> Outcome:
        name = scheduled_run_id(cluster, scheduled_time)
        request = BackupRequest(cluster=cluster, kind="recurring", force=self.force)
        try:
            for phase in PHASES:
                result = self._attempts(phase, request, name, scheduled_time)
                while isinstance(result, BackupState) and result.pending:
                    self._wait(result.pending.wait_s)
                    result = self._attempts(phase, request, name, scheduled_time)
        except HoldfastError as error:
            return self._fail(request, name, scheduled_time, error)
        assert isinstance(result, Outcome)
        return result

    def _wait(self, seconds: int) -> None:
        self.waits += 1
        assert self.waits < LOOKS, "the machine waits for ever"
        self.on_wait(seconds)

    def _attempts(self, phase: str, request: BackupRequest, name: str, started_at: datetime) -> Any:
        given = self.state
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.on_phase(phase)
                for _ in range(2 if self.repeat else 1):
                    self.state = given
                    result = self._phase(phase, request, name, started_at)
                return result
            except Exception as error:
                ours = known_error(error)
                if not isinstance(ours, TransientError) or attempt == ATTEMPTS:
                    raise carried(ours, phase) from error
        raise AssertionError("every attempt returns or raises")

    def _phase(self, phase: str, request: BackupRequest, name: str, started_at: datetime) -> Any:
        if phase == "Started":
            pending = self.state.pending if self.state else None
            self.state = self._carried(backup.start(self.services, request, name, started_at, pending))
            return self.state
        assert self.state
        if phase == "Snapshot":
            self.state = self._carried(backup.take_snapshot(self.services, self.state))
            return self.state
        if phase == "Secrets":
            if self.state.bundled:
                self.state = self._carried(backup.take_secrets(self.services, self.state))
            return self.state
        if phase == "Seal":
            backup.seal(self.services, self.state)
        elif phase == "Verify":
            with tempfile.TemporaryDirectory() as folder:
                verify(self.services, self.state.run, Path(folder))
        elif phase == "Lock":
            if self.state.lock:
                self.state = self._carried(locking.lock(self.services, self.state))
        elif phase == "Retain":
            retain(self.services, self.state.run)
        else:
            return outcome.finish(self.services, self.state.run, self.state.warnings)
        return None

    @staticmethod
    def _carried(state: BackupState) -> BackupState:
        """As Step Functions carries it from function to function: JSON, of a limited size."""
        text = state.model_dump_json()
        assert len(text) < 262_144
        return BackupState.model_validate_json(text)

    def _fail(self, request: BackupRequest, name: str, started_at: datetime, error: HoldfastError) -> Outcome:
        cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
        event = FailedEvent(
            input=request.model_dump(mode="json"),
            run_id=name,
            started_at=started_at,
            run=self.state.run if self.state else None,
            error=CaughtError(Error=type(error).__name__, Cause=cause),
        )
        return outcome.fail(self.services, event)
