"""The plan of a backup: a value that names every step, where it runs, and how one knows that it is done."""

from datetime import datetime, timedelta

from holdfast.errors import RefusedError
from holdfast.models.backup import Kind
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EtcdFacts
from holdfast.models.plan import BackupPlan, Finding, MemberChoice, Phase, Step
from holdfast.planning.member_choice import choose_member
from holdfast.planning.naming import MANIFEST, SNAPSHOT, VERIFIED, backup_key
from holdfast.planning.parts import part_size
from holdfast.planning.preflight import backup_findings

# Longer than the state machine may run (its TimeoutSeconds; a test compares the two), so that a lease never expires
# under a live run.
LEASE = timedelta(hours=2)


def plan_backup(
    spec: ClusterSpec, facts: EtcdFacts, *, run_id: str, backup: str, kind: Kind, now: datetime
) -> BackupPlan:
    """RefusedError with the first refusing finding's code, or with the code of the member choice."""
    findings = backup_findings(facts)
    refuse_on(findings)
    member = choose_member(facts)
    size = next(status.db_size for status in facts.statuses if status.endpoint == member.endpoint)
    return BackupPlan(
        cluster_id=spec.id,
        run_id=run_id,
        backup_id=backup,
        kind=kind,
        made_at=now,
        driver=spec.driver,
        etcd_cluster_id=facts.cluster_id,
        member=member,
        expected_bytes=size,
        part_bytes=part_size(size),
        findings=findings,
        phases=backup_phases(spec, backup, member, size),
    )


def refuse_on(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        if finding.level == "refuse":
            raise RefusedError(finding.code, finding.text, hint=finding.hint)


def backup_phases(spec: ClusterSpec, backup: str, member: MemberChoice, size: int) -> tuple[Phase, ...]:
    """The table of contents of a backup over the direct path."""
    snapshot = backup_key(spec.id, backup, SNAPSHOT)
    return (
        Phase(name="Started", steps=(_choose(member),)),
        Phase(name="Snapshot", steps=(_stream(member, snapshot, size),)),
        Phase(name="Seal", steps=(_seal(snapshot, backup_key(spec.id, backup, MANIFEST)),)),
        Phase(name="Verify", steps=(_verify(snapshot, backup_key(spec.id, backup, VERIFIED)),)),
        Phase(name="Retain", steps=(_retain(spec),)),
        Phase(name="Finished", steps=(_finish(),)),
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


def _retain(spec: ClusterSpec) -> Step:
    return Step(
        name="retain",
        where="snapshots bucket",
        action=f"keep the newest {spec.retention.keep_last} verified backups; remove older ones and leftovers",
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
