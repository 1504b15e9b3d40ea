"""Runs and their outcomes for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.models.run import ErrorInfo, Figures, Outcome, RunRecord

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
BACKUP_ID = "20261120T120000Z-r-1a2b3c"


def run_record(run_id: str = f"prod-1-{BACKUP_ID}", **changes: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "run_id": run_id,
        "cluster_id": "prod-1",
        "backup_id": BACKUP_ID,
        "kind": "recurring",
        "status": "running",
        "started_at": NOON,
    }
    return RunRecord.model_validate(fields | changes)


def succeeded(run_id: str = f"prod-1-{BACKUP_ID}", **changes: Any) -> Outcome:
    fields: dict[str, Any] = {
        "run_id": run_id,
        "cluster_id": "prod-1",
        "backup_id": BACKUP_ID,
        "kind": "recurring",
        "status": "succeeded",
        "phase": "Finished",
        "started_at": NOON,
        "finished_at": NOON + timedelta(seconds=42),
        "figures": Figures(
            raw_size=413 * 2**20,
            size=45 * 2**20,
            snapshot_seconds=3.1,
            verify_seconds=2.25,
            revision=77,
            live_keys=1234,
            sha256="ab" * 32,
        ),
    }
    return Outcome.model_validate(fields | changes)


def failed(code: str = "etcd_unreachable", **changes: Any) -> Outcome:
    fields: dict[str, Any] = {
        "status": "failed",
        "phase": "Snapshot",
        "figures": None,
        "error": ErrorInfo(code=code, family="permanent", message="no member answers", hint="check the network"),
    }
    return succeeded(**(fields | changes))
