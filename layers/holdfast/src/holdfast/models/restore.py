"""A change of a control plane: a restore, or the replacement of one member. Its input, its plan and its record.

A plan is data: every step names its script (node/restore/), its variables for each node, and what takes it back. The
same plan is shown, approved by its digest, executed, and rendered as a runbook.
"""

import hashlib
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from holdfast.models.approval import Approval, TaskToken
from holdfast.models.backup import TransportKind
from holdfast.models.base import BackupId, ClusterId, Model, RunId, StoredModel, Utc
from holdfast.models.cluster import NodeName
from holdfast.models.etcd import EndpointFailure
from holdfast.models.node import NodePath, NodeStep
from holdfast.models.plan import Finding
from holdfast.models.run import BackupState, CaughtError, ErrorInfo, ExecutionName, Outcome, Pending
from holdfast.models.signature import SignatureState
from holdfast.models.words import Words

Change = Literal["restore", "replace-member", "restore-quorum", "approve-csrs"]
# etcd: the database, on every member at once. full: the database and the secrets bundles (PKI, manifests, keys).
# one-first: the database on one member; the others join it as learners. new-hosts: full, onto hosts with nothing.
RestoreMode = Literal["etcd", "full", "one-first", "new-hosts"]
# Guardrails that an operator may lift by name; no other one can be lifted.
Allowance = Literal[
    "cluster_healthy",
    "backup_not_verified",
    "backup_possibly_dirty",
    "manifest_unsigned",
    "member_may_return",
    "no_emergency_snapshot",
    "openshift_version_unknown",
    "quorum_restore_instead",
]
ChangePhase = Literal["Shutdown", "Restore", "RestartCluster", "Finished", "Rollback"]
CHANGE_PHASES: tuple[ChangePhase, ...] = ("Shutdown", "Restore", "RestartCluster", "Finished")
# What a request is for: each has one of these, and no other.
_PURPOSES = ("backup", "replace", "quorum", "csrs", "resume", "abort")
StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,40}$")]


class ChangeRequest(Model):
    """The input of the restore state machine, typed in the console or sent by the command line: one of

    {"cluster", "backup", "mode"} a restore; {"cluster", "replace": NODE} a member's replacement; {"cluster", "quorum":
    true} brings a lost quorum back from the data of one member that is left; {"cluster", "csrs": true} approves
    kubelets' certificate requests, those of machines that are new and named as `nodes` too; {"cluster", "resume": RUN}
    goes on with a run that failed; {"cluster", "abort": RUN} takes back a run that is not past its point of no return.
    `allow` lifts guardrails by their code. `requested_by` is who asks, as the command line learned it from STS; whoever
    types in the console may leave it out, or write what he likes (docs/reference/iam.md, "Four eyes").
    """

    cluster: ClusterId
    backup: BackupId | None = None
    mode: RestoreMode = "etcd"
    replace: NodeName | None = None
    quorum: bool = False
    csrs: bool = False
    nodes: tuple[NodeName, ...] = ()
    resume: RunId | None = None
    abort: RunId | None = None
    allow: tuple[Allowance, ...] = ()
    requested_by: Words = ""

    @model_validator(mode="after")
    def _one_purpose(self) -> Self:
        named = [name for name in _PURPOSES if getattr(self, name)]
        if len(named) != 1:
            raise ValueError(f"name exactly one of {', '.join(_PURPOSES)}")
        if self.nodes and not self.csrs:
            raise ValueError("nodes are named with csrs only")
        return self

    @property
    def job(self) -> Change:
        """Of a run of its own; one that goes on with another run has that one's."""
        if self.quorum:
            return "restore-quorum"
        if self.csrs:
            return "approve-csrs"
        return "replace-member" if self.replace else "restore"


class ChangeRun(Model):
    """What every state after Started is told; the rest is in the stored plan. `run_id` is the run's, whatever the
    name of the execution that goes on with it; `execution` is that one's name."""

    run_id: RunId
    execution: ExecutionName
    cluster_id: ClusterId
    job: Change
    backup_id: BackupId | None = None
    started_at: Utc


class PodFile(Model):
    """A static pod's manifest on a node: which container it runs."""

    container: str
    path: NodePath


class RestoreFacts(StoredModel):
    """What node/restore/facts.sh says of a node before a restore; it touches nothing. Sizes are bytes.

    `pods` are the manifests below the static pod path with the container that each runs. `unit` is etcd's systemd
    unit, "" for a static pod. `data_free` is for the file system of the data directory; `etcd_tool` the version of the
    tool that would restore (etcdutl or etcdctl; "" when none was found), `tool_bumps` whether it has --bump-revision.
    `certificates` are paths with the moment that they expire; `encryption_keys` are "provider:name". `unfinished`
    are runs whose directory is still beside the data with manifests in it. `unread` are manifests of the control plane
    whose containers cannot be told: they are in no form that a shell reads. `wal_dir` is where etcd keeps its log when
    that is not the data directory, "" when it is there.
    """

    pods: tuple[PodFile, ...] = ()
    unit: str = Field(default="", pattern=r"^[A-Za-z0-9_.@-]{0,100}$")
    data_exists: bool = False
    data_free: int = 0
    etcd_tool: str = Field(default="", pattern=r"^[0-9A-Za-z.+-]{0,40}$")
    tool_bumps: bool = False
    kubelet: bool = True
    tools: tuple[Words, ...] = ()
    certificates: tuple[tuple[Words, int], ...] = ()
    encryption_keys: tuple[Words, ...] = ()
    unfinished: tuple[Words, ...] = ()
    unread: tuple[Words, ...] = ()
    wal_dir: Words = ""


class NodeCommand(Model):
    """A step on one node: the variables of its script. What it is granted (RestoreStep) is beside them."""

    node: str
    values: dict[str, str] = Field(default_factory=dict)


class RestoreStep(Model):
    """One step of a plan.

    `script` is a file of node/restore/ without its ending, "" for what the control path does itself. `undo` is the
    script that takes it back, with the same variables; "" when it leaves nothing or cannot be taken back. `grant` says
    which presigned URL it is handed: that of the `snapshot`, or of its node's `bundle`. `no_return`: from its start on
    the old state is no longer in place. `one_by_one`: each node begins when the one before it has ended. `agree` names
    checks over what the nodes said (planning/agreement.py). `rounds`: the script runs
    again and again, and what it does next follows from what it said last, by the rules of that name
    (planning/rounds.py). `by_hand` replaces the script in a runbook, "" when it is
    the same.
    """

    name: StepName
    phase: ChangePhase
    title: str
    script: str = ""
    commands: tuple[NodeCommand, ...] = ()
    one_by_one: bool = False
    grant: Literal["", "snapshot", "bundle"] = ""
    timeout_s: int = 60
    done_when: str
    undo: str = ""
    no_return: bool = False
    agree: tuple[str, ...] = ()
    rounds: Literal["", "csrs"] = ""
    by_hand: str = ""


class RestorePlan(Model):
    """`revision`, `hash` and `counts` are the backup's own: what the restored database is held against. `emergency` is
    the backup that was made of what still answered before anything was touched, None when nothing did or when none
    could be made, which was allowed then. `manifest_sha256` is that of the backup's manifest, whose `signature` was
    looked at; the hashes in the steps are that manifest's, and nobody reads it again. `requested_by` is who asked
    for the run, "" when the input did not say. `backup_after`: a backup is started when it has succeeded, as the newest
    one is of a cluster that is no more."""

    schema_version: Literal[1] = 1
    job: Change
    cluster_id: ClusterId
    run_id: RunId
    backup_id: BackupId | None = None
    mode: RestoreMode | None = None
    replaced: str = ""
    made_at: Utc
    driver: str
    transport: TransportKind
    emergency: BackupId | None = None
    signature: SignatureState = "unchecked"
    manifest_sha256: str = ""
    snapshot_key: str = ""
    bundle_keys: dict[str, str] = Field(default_factory=dict)
    revision: int = 0
    hash_kv: int | None = None
    compact_revision: int | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    allowed: tuple[Allowance, ...] = ()
    findings: tuple[Finding, ...] = ()
    steps: tuple[RestoreStep, ...]
    requested_by: Words = ""
    backup_after: bool = False

    @property
    def digest(self) -> str:
        """What an approval is bound to: SHA-256 over the plan's JSON."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def steps_of(self, phase: ChangePhase) -> tuple[RestoreStep, ...]:
        return tuple(step for step in self.steps if step.phase == phase)

    def step(self, name: str) -> RestoreStep:
        return next(step for step in self.steps if step.name == name)


class StepRecord(StoredModel):
    """One attempt of one step on one node. `undo`: it was taken back. `report` is what its script said; of a step in
    rounds what was decided about it. "again" is the end of a round that another one follows, with the variables `next`
    beside the plan's."""

    step: StepName
    node: str
    attempt: int
    undo: bool = False
    status: Literal["started", "again", "done", "failed"]
    at: Utc
    started_at: Utc
    exit_code: int | None = None
    command: str = ""
    report: dict[str, Any] = Field(default_factory=dict)
    next: dict[str, str] = Field(default_factory=dict)
    error: ErrorInfo | None = None


class StartedLook(Model):
    """What Started waits for: `nodes` while nodes and members are asked, then the facts of each node, then the
    emergency backup. `told` is what the nodes had told when their facts were asked for."""

    wait_s: int = Field(ge=1, le=300)
    since: Utc
    nodes: Pending | None = None
    told: Pending | None = None
    steps: tuple[NodeStep, ...] = ()
    facts: dict[str, RestoreFacts] = Field(default_factory=dict)
    failures: tuple[EndpointFailure, ...] = ()
    emergency: BackupState | None = None

    @property
    def waits_for(self) -> Pending:
        """Which steps on which nodes, in one form."""
        return self.nodes or Pending(stage="facts", wait_s=self.wait_s, since=self.since, steps=self.steps)


class ChangeState(Model):
    """What the states of restore.asl.json hand on. `look` is None when Started is done. `approved`: a person has
    answered for this very plan already, so that a resumed run asks nobody again; `approval` is the answer that a task
    token brings. `abort`: only to be taken back."""

    run: ChangeRun
    look: StartedLook | None = None
    approved: bool = False
    approval: Approval | None = None
    abort: bool = False


class AskEvent(Model):
    """The event of Approval, with the token of the task that waits."""

    run: ChangeRun
    token: TaskToken


class ChangePending(Model):
    """What a phase waits for: `step` is under way on the nodes of `steps`; `said` is the last that each said of it."""

    step: StepName
    wait_s: int = Field(ge=1, le=300)
    since: Utc
    steps: tuple[NodeStep, ...]
    said: dict[str, Words] = Field(default_factory=dict)


class GivenUp(Model):
    """What a node would not take back. It is not asked again in the same phase: looks would never come to an end."""

    step: StepName
    node: str
    error: ErrorInfo


class PhaseWork(Model):
    """The input of statemachine/phase.asl.json and what its one state hands on. `approval` is what the task token of
    this execution brought, for every phase; None where nobody was asked. `pending` is None when the phase is done."""

    run: ChangeRun
    phase: ChangePhase
    approval: Approval | None = None
    pending: ChangePending | None = None
    given_up: tuple[GivenUp, ...] = ()


class PhaseEvent(Model):
    work: PhaseWork


class ReportEvent(Model):
    run: ChangeRun


class Failure(Model):
    """Why a run goes no further. `goes_back`: it is not past its point of no return, and what was done is taken back.
    `redrives` is how often its execution had been redriven when it failed."""

    error: ErrorInfo
    phase: str
    goes_back: bool
    redrives: int = 0


class ExecutionContext(StoredModel):
    """Step Functions' own `$$.Execution`. RedriveCount is there on AWS only, from the first redrive on."""

    name: ExecutionName = Field(alias="Name")
    started_at: Utc = Field(alias="StartTime")
    input: Any = Field(default=None, alias="Input")
    redrives: int = Field(default=0, alias="RedriveCount")


class NamedExecution(ExecutionContext):
    """One whose name can be a run's. The console takes others too."""

    name: RunId = Field(alias="Name")


class StartedChange(Model):
    """The event of Started: the execution with its input, still unparsed, and what an earlier call waits for."""

    execution: NamedExecution
    look: StartedLook | None = None


class ChangeFailed(Model):
    """The event of the state Failed; `run` is None when Started failed before there was one."""

    execution: ExecutionContext
    run: ChangeRun | None = None
    error: CaughtError


class Decided(StoredModel):
    """`execution` is there where no function decided (the states Aborted and Undecided)."""

    told: Failure
    execution: ExecutionContext | None = None

    @property
    def redrives(self) -> int:
        """How often the execution had been redriven when this was decided."""
        return self.execution.redrives if self.execution else self.told.redrives


class EndedState(StoredModel):
    """What the states before Ended have left. `rollback` is what went wrong while the run was taken back."""

    run: ChangeRun | None = None
    decided: Decided
    rollback: CaughtError | None = None


class ChangeEnded(Model):
    execution: ExecutionContext
    state: EndedState


class ChangeReport(StoredModel):
    """`report.json` of a run: how it ended, who approved it, and every command with its times and its exit code."""

    schema_version: Literal[1] = 1
    outcome: Outcome
    approval: Approval | None = None
    steps: tuple[StepRecord, ...] = ()
