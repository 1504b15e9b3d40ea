"""One execution of a plan: its input, what its states hand on, and its outcome."""

from typing import Literal

from pydantic import Field

from holdfast.models.backup import Kind
from holdfast.models.base import BackupId, ClusterId, Model, RunId, StoredModel, Utc

PhaseName = Literal["Started", "Snapshot", "Seal", "Verify", "Retain", "Finished"]
RunStatus = Literal["running", "succeeded", "failed", "refused"]


class BackupRequest(Model):
    """The input of the backup state machine: from a schedule, the command line, an API caller, or typed in the console."""

    cluster: ClusterId
    kind: Kind = "manual"


class BackupRun(Model):
    """What every state after `Started` is told. The rest is in the stored plan; no bytes and no secrets travel here."""

    run_id: RunId
    cluster_id: ClusterId
    backup_id: BackupId
    kind: Kind
    started_at: Utc


class ErrorInfo(StoredModel):
    code: str
    family: str
    message: str
    hint: str = ""


class Figures(StoredModel):
    """What an operator asks first about a finished backup. Sizes are bytes."""

    raw_size: int
    size: int
    snapshot_seconds: float
    verify_seconds: float = 0.0
    revision: int = 0
    live_keys: int = 0
    sha256: str = ""
    removed_backups: int = 0


class Outcome(StoredModel):
    """How a run ended: the detail of the EventBridge event, the body of the SNS message, the report in S3."""

    run_id: RunId
    cluster_id: ClusterId
    backup_id: BackupId | None = None
    kind: Kind = "manual"
    status: RunStatus
    phase: str
    started_at: Utc
    finished_at: Utc
    error: ErrorInfo | None = None
    figures: Figures | None = None
    warnings: tuple[str, ...] = ()


class Progress(StoredModel):
    """How far a phase is; `total` is 0 when nobody knows."""

    phase: str
    done: int = 0
    total: int = 0
    unit: str = "bytes"


class RunRecord(StoredModel):
    """A run as the table keeps it: written by `Started`, moved on by every phase, closed by its outcome."""

    run_id: RunId
    cluster_id: ClusterId
    backup_id: BackupId | None = None
    kind: Kind
    status: RunStatus
    started_at: Utc
    progress: Progress = Field(default_factory=lambda: Progress(phase="Started"))
    outcome: Outcome | None = None
