"""A plan is data: what was decided, why, and which step runs where. Built by a pure function, stored, shown."""

from typing import Literal

from holdfast.models.backup import TransportKind
from holdfast.models.base import BackupId, ClusterId, Model, RunId, Utc
from holdfast.models.node import NodePath, NodeSurvey


class Finding(Model):
    """One thing that the preflight saw. `refuse` stops the run before anything is touched; what `passes` by itself,
    such as a rollout, is worth another try then."""

    level: Literal["refuse", "warn", "info"]
    code: str
    text: str
    hint: str = ""
    passes: bool = False


class MemberChoice(Model):
    """The one member that a snapshot is taken from, with the reason in a sentence. `node` is the node that it runs on,
    empty on the direct path, which knows members only."""

    endpoint: str
    member_id: str
    name: str
    version: str
    reason: str
    node: str = ""


class Step(Model):
    """One thing that is done. `undo` says what takes it back, empty when it leaves nothing behind."""

    name: str
    where: str
    action: str
    done_when: str
    timeout_s: int
    idempotent: bool
    undo: str = ""


class Phase(Model):
    name: Literal["Started", "Snapshot", "Secrets", "Seal", "Verify", "Lock", "Retain", "Finished"]
    steps: tuple[Step, ...]


class BackupPlan(Model):
    """Everything that the later phases of a backup need to know. `expected_bytes` is the size of the database file as
    the chosen member reports it; `part_bytes` the size of one multipart part. `surveys` are the nodes as they were
    found, empty where no command runs on a node. `force` is the request's. `pair`: the command that takes the snapshot
    makes the bundle of its node as well, and the two are kept together. `keep_at` is where that bundle stays on its
    node, when nobody sends it anywhere."""

    cluster_id: ClusterId
    run_id: RunId
    backup_id: BackupId
    kind: Literal["recurring", "manual"]
    made_at: Utc
    driver: str
    transport: TransportKind = "etcd"
    etcd_cluster_id: str
    member: MemberChoice
    expected_bytes: int
    part_bytes: int
    surveys: tuple[NodeSurvey, ...] = ()
    force: bool = False
    pair: bool = False
    keep_at: NodePath | None = None
    findings: tuple[Finding, ...]
    phases: tuple[Phase, ...]
