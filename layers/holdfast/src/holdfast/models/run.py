"""One execution of a plan: its input, what its states hand on, and its outcome."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from holdfast.errors import HoldfastError
from holdfast.models.approval import Question
from holdfast.models.backup import Compression, Kind, SecretsBundle, SnapshotObject
from holdfast.models.base import BackupId, ClusterId, Model, RunId, Sha256Hex, StoredModel, Utc
from holdfast.models.cluster import LockSpec
from holdfast.models.etcd import EndpointFailure
from holdfast.models.node import NodeEtcd, NodeStep, NodeSurvey, StepKey
from holdfast.models.words import Words

# The cluster of an execution whose input names none.
UNKNOWN_CLUSTER = "unknown"
ExecutionName = Annotated[str, StringConstraints(min_length=1, max_length=80)]
PhaseName = Literal["Started", "Snapshot", "Secrets", "Seal", "Verify", "Lock", "Retain", "Finished"]
RunStatus = Literal["running", "succeeded", "failed", "refused"]
Job = Literal["backup", "restore", "replace-member", "restore-quorum", "approve-csrs"]
# "": whenever it starts. "version-changed": only when the cluster has another release than its newest backup.
When = Literal["", "version-changed"]


class BackupRequest(Model):
    """The input of the backup state machine: from a schedule, the command line, an API caller, or typed in the
    console. `force` takes it while the cluster changes, by the distribution's own word for that: such a backup is
    possibly dirty (models/backup.py: Manifest)."""

    cluster: ClusterId
    kind: Kind = "manual"
    force: bool = False
    when: When = ""


class BackupRun(Model):
    """What every state after `Started` is told. The rest is in the stored plan; no bytes and no secrets travel here."""

    run_id: RunId
    cluster_id: ClusterId
    backup_id: BackupId
    kind: Kind
    started_at: Utc


class ScheduleEvent(Model):
    """What EventBridge Scheduler sends to the function start_backup."""

    cluster: ClusterId
    scheduled_time: Utc
    kind: Literal["recurring"] = "recurring"
    when: When = ""


class StartedRun(Model):
    """`new` is False when an execution of that name existed already: a duplicate event. `execution` is the one that
    goes on with the run, "" when it has the run's own name."""

    run_id: RunId
    new: bool
    execution: str = ""


class Pending(Model):
    """What a phase waits for: the state machine sleeps `wait_s` and calls the same phase again with this.

    `stage` is the phase's own word for where it is. `upload_id` belongs to the multipart upload that a node fills,
    under the name that goes with `compression`; `listed_at` is when the URLs of its parts were made.
    What is known already is carried along: `surveys` and `etcds` of nodes that answered, `failures` of those that gave
    up, `bundles` that have arrived, `notes` for the manifest.
    """

    stage: str
    wait_s: int = Field(ge=1, le=300)
    since: Utc
    steps: tuple[NodeStep, ...] = ()
    surveys: tuple[NodeSurvey, ...] = ()
    etcds: tuple[NodeEtcd, ...] = ()
    failures: tuple[EndpointFailure, ...] = ()
    upload_id: str = ""
    compression: Compression = "zstd"
    listed_at: Utc | None = None
    bundles: tuple[SecretsBundle, ...] = ()
    notes: tuple[str, ...] = ()


class BackupState(Model):
    """What the states from Started to Lock hand on. `pending` is None when the phase is done; `bundled` says that nodes
    have secrets to bundle; `kept` is the step whose directory on the member's node holds the bundle that was made with
    the snapshot, as one pair; `rolled_out` says that an attempt at the snapshot met a rollout, so that the cluster may
    not be of the release any more that was seen before; `lock` is what the cluster's spec asked for when the run began;
    `plan_sha256` is that of the stored plan, None before there is one; `notes` become warnings of the manifest,
    `warnings` of the outcome alone.
    `skipped`: no backup is due, and why.

    No bytes and no secrets travel here; at most 262,144 bytes of JSON do (Step Functions' limit).
    """

    run: BackupRun
    pending: Pending | None = None
    bundled: bool = False
    snapshot: SnapshotObject | None = None
    kept: StepKey | None = None
    possibly_dirty: bool = False
    rolled_out: bool = False
    bundles: tuple[SecretsBundle, ...] = ()
    lock: LockSpec | None = None
    plan_sha256: Sha256Hex | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: Words | None = None


class StartedEvent(Model):
    """The first state's event: the execution's own input, still unparsed, with the execution's name and start, and what
    an earlier call of this state waits for."""

    input: Any
    run_id: RunId
    started_at: Utc
    pending: Pending | None = None


class PhaseEvent(Model):
    run: BackupRun


class FinishedEvent(PhaseEvent):
    """`warnings` are what the states after Seal had to say."""

    warnings: tuple[str, ...] = ()


class StateEvent(Model):
    """The event of the phases that may have to wait, of Seal, and of Lock."""

    state: BackupState


class CaughtError(Model):
    """What a Catch of a state machine hands over, in Step Functions' own spelling."""

    name: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")


class FailedEvent(Model):
    """The event of the state Failed. `run` is missing when `Started` itself failed, as it does for a name that is no
    `RunId`: an outcome is told for every name that Step Functions accepts."""

    input: Any
    run_id: ExecutionName
    started_at: Utc
    run: BackupRun | None = None
    error: CaughtError


class StoppedExecution(StoredModel):
    """The detail of a status change; `input` is the execution's input as text.

    `startDate` is milliseconds since 1970 on AWS and ISO 8601 on LocalStack 4.14; both read as the same moment.
    """

    name: ExecutionName
    status: Literal["ABORTED", "FAILED", "TIMED_OUT"]
    started_at: Utc = Field(alias="startDate")
    input: str | None = None
    error: str | None = None
    cause: str | None = None


class StatusChangeEvent(StoredModel):
    """EventBridge's "Step Functions Execution Status Change" (Step Functions developer guide, "EventBridge events")."""

    detail: StoppedExecution

    def as_failure(self) -> FailedEvent:
        stopped = self.detail
        return FailedEvent(
            input=_json_or_none(stopped.input),
            run_id=stopped.name,
            started_at=stopped.started_at,
            error=CaughtError(Error=self._error_name(), Cause=stopped.cause or ""),
        )

    def _error_name(self) -> str:
        """Whoever stops an execution may name an error as he likes; only a failed one's own says what happened."""
        stopped = self.detail
        return stopped.error if stopped.status == "FAILED" and stopped.error else f"Execution.{stopped.status}"


def _json_or_none(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


class ErrorInfo(StoredModel):
    code: str
    family: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, error: HoldfastError) -> Self:
        return cls(code=error.code, family=error.family, message=error.message, hint=error.hint)


class Figures(StoredModel):
    """What an operator asks first about a finished backup. Sizes are bytes."""

    raw_size: int
    size: int
    snapshot_seconds: float
    verify_seconds: float = 0.0
    revision: int = 0
    live_keys: int = 0
    sha256: str = ""


class Outcome(StoredModel):
    """How a run ended: the detail of the EventBridge event, the body of the SNS message, the report in S3.

    `cluster_id` is UNKNOWN_CLUSTER for an execution whose input named no cluster. `followed_by` is the run of the
    backup that a restore started at its end, "" when it started none.
    """

    run_id: ExecutionName
    job: Job = "backup"
    cluster_id: str
    backup_id: BackupId | None = None
    kind: Kind = "manual"
    status: RunStatus
    phase: str
    started_at: Utc
    finished_at: Utc
    error: ErrorInfo | None = None
    figures: Figures | None = None
    warnings: tuple[str, ...] = ()
    followed_by: str = ""


class Progress(StoredModel):
    """How far a phase is; `total` is 0 when nobody knows. `said` is the last that each node has said of `step`, as
    long as it is under way there."""

    phase: str
    done: int = 0
    total: int = 0
    unit: str = "bytes"
    step: str = ""
    said: dict[str, Words] = Field(default_factory=dict)


class RunRecord(StoredModel):
    """A run as the table keeps it: written by `Started`, moved on by every phase, closed by its outcome.

    `execution` is the one that is at work for it, which for a resumed run has another name than the run. `question` is
    there while an approval is waited for. `bound` maps names of the run's objects in the bucket to the SHA-256 of what
    Holdfast put there: whoever writes into the bucket does not write here.
    """

    run_id: ExecutionName
    job: Job = "backup"
    execution: str = ""
    cluster_id: str
    backup_id: BackupId | None = None
    kind: Kind = "manual"
    status: RunStatus
    started_at: Utc
    progress: Progress = Field(default_factory=lambda: Progress(phase="Started"))
    question: Question | None = None
    bound: dict[str, Sha256Hex] = Field(default_factory=dict)
    outcome: Outcome | None = None
