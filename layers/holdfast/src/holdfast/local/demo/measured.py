"""The demo's figures, from what its runs have left and what its members answer."""

from collections.abc import Iterator

from holdfast.engine.restore.journal import EVERYBODY
from holdfast.errors import DamagedError
from holdfast.local.demo.backing_up import Backed
from holdfast.local.demo.disaster import ADDED, DELETED, name_of
from holdfast.local.demo.figures import DemoFigures, PhaseTime, Recovery
from holdfast.local.demo.objects import ConfigMaps
from holdfast.local.machines.kubeadm import KubeadmCluster
from holdfast.models.approval import Approval
from holdfast.models.backup import VerificationReport
from holdfast.models.restore import CHANGE_PHASES, RestorePlan, StepRecord


def figures_of(backed: Backed, recovery: Recovery | None, not_shown: str, seconds: float) -> DemoFigures:
    manifest, report, outcome = backed.manifest, backed.report, backed.outcome
    snapshot = manifest.snapshot
    took = (snapshot.finished_at - snapshot.started_at).total_seconds()
    return DemoFigures(
        cluster_id=manifest.cluster_id,
        run_id=manifest.run_id,
        backup_id=manifest.backup_id,
        raw_size=snapshot.raw_size,
        size=snapshot.size,
        snapshot_seconds=round(took, 3),
        mb_per_second=round(snapshot.raw_size / 1e6 / took, 1) if took > 0 else 0.0,
        verify_seconds=report.seconds,
        run_seconds=round((outcome.finished_at - outcome.started_at).total_seconds(), 2),
        restore_seconds=backed.restored.seconds,
        total_seconds=round(seconds, 1),
        sha256=snapshot.sha256,
        revision=report.database.head.revision,
        live_keys=report.database.live_keys,
        phases=backed.seen.entered,
        member=manifest.source.member_name,
        member_reason=manifest.source.reason,
        etcd_version=manifest.source.etcd_version,
        comparison=backed.restored.comparison,
        restore=recovery,
        not_shown=not_shown,
    )


def recovery_of(
    plan: RestorePlan,
    approval: Approval,
    records: tuple[StepRecord, ...],
    cluster: KubeadmCluster,
    report: VerificationReport,
    deleted: dict[str, str],
) -> Recovery:
    """`records` are the run's, `deleted` is what the object held that was deleted after the backup. Fails with
    `demo_mismatch` (damaged) when the restored cluster is not what the backup has."""
    done = [record for record in records if record.status == "done" and not record.undo]
    on_nodes = [record for record in done if record.node != EVERYBODY]
    expected = report.database.hash_kv
    if expected is None:
        raise DamagedError("demo_mismatch", "the snapshot was taken in the middle of a compaction: it has no HashKV")
    client, maps = cluster.client(), ConfigMaps(cluster.nodes[-1])
    members = {node.name: node.member.endpoint for node in cluster.nodes}
    found = Recovery(
        run_id=plan.run_id,
        digest=plan.digest,
        approved_by=approval.approved_by,
        seconds=round((max(record.at for record in on_nodes) - approval.approved_at).total_seconds(), 1),
        phases=tuple(_times(plan, on_nodes)),
        steps=len({record.step for record in on_nodes}),
        commands=len(on_nodes),
        revision=plan.revision,
        hash_backup=expected,
        hashes={node: client.hash_kv(endpoint, plan.revision) for node, endpoint in members.items()},
        keys_backup=report.database.live_keys,
        keys={node: client.key_count(endpoint, "", revision=plan.revision) for node, endpoint in members.items()},
        gone=name_of(ADDED) if maps.read(*ADDED) is None else "",
        back=name_of(DELETED) if maps.read(*DELETED) == deleted else "",
    )
    if found.differences:
        raise DamagedError("demo_mismatch", "; ".join(found.differences), hint="this is not what was backed up")
    return found


def _times(plan: RestorePlan, records: list[StepRecord]) -> Iterator[PhaseTime]:
    phase_of = {step.name: step.phase for step in plan.steps}
    for phase in CHANGE_PHASES:
        mine = [record for record in records if phase_of[record.step] == phase]
        if mine:
            seconds = (max(record.at for record in mine) - min(record.started_at for record in mine)).total_seconds()
            yield PhaseTime(phase=phase, seconds=round(seconds, 1))
