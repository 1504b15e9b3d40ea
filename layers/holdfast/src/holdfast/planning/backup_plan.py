"""The plan of a backup: a value that names every step, where it runs, and how one knows that it is done."""

from datetime import datetime, timedelta

from holdfast.drivers.registry import driver_of
from holdfast.drivers.timeouts import snapshot_timeout_s
from holdfast.errors import RefusedError, TransientError
from holdfast.models.backup import Kind
from holdfast.models.cluster import ClusterSpec, LockSpec
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import BackupPlan, Finding, MemberChoice, Phase, Step
from holdfast.planning.naming import MANIFEST, SNAPSHOT, VERIFIED, backup_key, bundle_key
from holdfast.planning.parts import node_part_size, part_size
from holdfast.planning.retention_words import sentence

# Longer than the state machine may run (its TimeoutSeconds; a test compares the two), so that a lease never expires
# under a live run.
LEASE = timedelta(hours=2)
# Refusals that a forced backup passes over, as the vendor's own check does.
FORCED = frozenset({"openshift_progressing", "openshift_operators_unknown"})


def plan_backup(
    spec: ClusterSpec,
    facts: EtcdFacts,
    member: MemberChoice,
    *,
    findings: tuple[Finding, ...],
    surveys: tuple[NodeSurvey, ...] = (),
    run_id: str,
    backup: str,
    kind: Kind,
    now: datetime,
    force: bool = False,
) -> BackupPlan:
    """`member` is the chosen one; `surveys` are the nodes, where commands run on nodes."""
    size = next(status.db_size for status in facts.statuses if status.endpoint == member.endpoint)
    pair = bool(member.node) and driver_of(spec.driver).pairs
    return BackupPlan(
        cluster_id=spec.id,
        run_id=run_id,
        backup_id=backup,
        kind=kind,
        made_at=now,
        driver=spec.driver,
        transport=spec.transport.kind,
        etcd_cluster_id=facts.cluster_id,
        member=member,
        expected_bytes=size,
        part_bytes=node_part_size(size) if surveys else part_size(size),
        surveys=surveys,
        force=force,
        pair=pair,
        findings=findings,
        phases=backup_phases(spec, backup, member, size, surveys, pair=pair),
    )


def forced(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What a forced backup does not refuse: that the cluster changes just now."""
    return tuple(
        finding.model_copy(update={"level": "warn"}) if finding.code in FORCED else finding for finding in findings
    )


def refuse_on(findings: tuple[Finding, ...]) -> None:
    """RefusedError with the code of the first finding that refuses; TransientError when none but such as pass do."""
    refused = [finding for finding in findings if finding.level == "refuse"]
    for finding in sorted(refused, key=lambda each: each.passes):
        family = TransientError if finding.passes else RefusedError
        raise family(finding.code, finding.text, hint=finding.hint)


def backup_phases(
    spec: ClusterSpec,
    backup: str,
    member: MemberChoice,
    size: int,
    surveys: tuple[NodeSurvey, ...] = (),
    *,
    pair: bool = False,
) -> tuple[Phase, ...]:
    """The table of contents of a backup: over the direct path, or through nodes; `pair` as in BackupPlan."""
    by_node = bool(member.node)
    snapshot = backup_key(spec.id, backup, SNAPSHOT)
    taken = _node_snapshot(spec, member, size) if by_node else _stream(member, snapshot, size)
    bundles = tuple(_bundle(spec, survey, backup) for survey in surveys if survey.bundle_paths)
    if pair:
        taken, bundles = _pair(spec, member, size), (_kept_bundle(spec, member, backup),)
    phases = (
        Phase(name="Started", steps=(_survey(surveys), _choose(member)) if by_node else (_choose(member),)),
        Phase(name="Snapshot", steps=(taken,)),
        Phase(name="Secrets", steps=bundles),
        Phase(name="Seal", steps=(_seal(snapshot, backup_key(spec.id, backup, MANIFEST)),)),
        Phase(name="Verify", steps=(_verify(snapshot, backup_key(spec.id, backup, VERIFIED)),)),
        Phase(name="Lock", steps=(_lock(spec.lock),) if spec.lock else ()),
        Phase(name="Retain", steps=(_retain(spec),)),
        Phase(name="Finished", steps=(_finish(),)),
    )
    return tuple(phase for phase in phases if phase.steps)


def _survey(surveys: tuple[NodeSurvey, ...]) -> Step:
    return Step(
        name="survey nodes",
        where=", ".join(survey.node for survey in surveys),
        action="read manifests, flags, tools, disk and clock; touch nothing",
        done_when="every node answered or gave up",
        timeout_s=600,
        idempotent=True,
    )


def _node_snapshot(spec: ClusterSpec, member: MemberChoice, size: int) -> Step:
    return Step(
        name="snapshot by node",
        where=member.node,
        action=f"etcdctl snapshot save from {member.endpoint} (about {size} bytes) over {spec.transport.kind}; check, "
        "compress, send to presigned URLs",
        done_when="the node's report and the store's list of parts agree, and the upload is completed",
        timeout_s=snapshot_timeout_s(size),
        idempotent=True,
        undo="stop the step, which removes its files; abort the multipart upload",
    )


def _bundle(spec: ClusterSpec, survey: NodeSurvey, backup: str) -> Step:
    return Step(
        name="bundle secrets",
        where=survey.node,
        action=f"tar of {', '.join(survey.bundle_paths)} to {bundle_key(spec.id, backup, survey.node)}",
        done_when="the secrets bucket has the object with the size that the node sent",
        timeout_s=300,
        idempotent=True,
        undo="remove the object",
    )


def _pair(spec: ClusterSpec, member: MemberChoice, size: int) -> Step:
    return Step(
        name="snapshot by script",
        where=member.node,
        action=f"the vendor's script saves the database of {member.endpoint} (about {size} bytes) and the static "
        f"resources over {spec.transport.kind}; check both, compress and send the database to presigned URLs, keep the "
        "other",
        done_when="the script said that it saved, there is one pair of one moment, and its database has arrived whole",
        timeout_s=snapshot_timeout_s(size),
        idempotent=True,
        undo="stop the step, which removes the pair; abort the multipart upload",
    )


def _kept_bundle(spec: ClusterSpec, member: MemberChoice, backup: str) -> Step:
    return Step(
        name="send static resources",
        where=member.node,
        action=f"the archive of the same moment, byte for byte, to {bundle_key(spec.id, backup, member.node)}",
        done_when="the secrets bucket has the object with the size that the node sent; the node's copy is removed",
        timeout_s=300,
        idempotent=True,
        undo="remove the object, and the copy on the node",
    )


def _choose(member: MemberChoice) -> Step:
    return Step(
        name="choose member",
        where="every endpoint",
        action=f"Maintenance.Status, Alarm and Cluster.MemberList; {member.reason}",
        done_when="one healthy voting member is chosen",
        timeout_s=120,
        idempotent=True,
    )


def _stream(member: MemberChoice, key: str, size: int) -> Step:
    return Step(
        name="stream snapshot",
        where=member.endpoint,
        action=f"Maintenance.Snapshot of about {size} bytes, compressed, to {key}",
        done_when="the stream ended with the SHA-256 of what came before, and the store confirmed the parts' checksums",
        timeout_s=900,
        idempotent=True,
        undo="abort the multipart upload, remove the object",
    )


def _seal(snapshot: str, manifest: str) -> Step:
    return Step(
        name="seal",
        where="snapshots bucket",
        action=f"read size, checksum, bbolt metas and revision of {snapshot}; put {manifest} if absent",
        done_when="the manifest exists",
        timeout_s=300,
        idempotent=True,
    )


def _verify(snapshot: str, report: str) -> Step:
    return Step(
        name="verify",
        where="snapshots bucket",
        action=f"read {snapshot} back whole, recompute its hash, read every page; put {report}",
        done_when="all of it agrees with the manifest",
        timeout_s=900,
        idempotent=True,
    )


def _lock(lock: LockSpec) -> Step:
    return Step(
        name="lock",
        where="both buckets",
        action=f"Object Lock in {lock.mode} mode on every object of the backup, {lock.days} days from the run's start",
        done_when="each object is locked until then, or longer",
        timeout_s=300,
        idempotent=True,
        undo="none: a lock is only ever made longer",
    )


def _retain(spec: ClusterSpec) -> Step:
    return Step(
        name="retain",
        where="snapshots bucket",
        action=f"keep {sentence(spec.retention)}; remove the others and leftovers",
        done_when="every backup with a verdict to go is gone",
        timeout_s=300,
        idempotent=True,
    )


def _finish() -> Step:
    return Step(
        name="finish",
        where="control path",
        action="store the report, publish the outcome, release the lease",
        done_when="the outcome is published",
        timeout_s=60,
        idempotent=True,
    )
