"""The plan of a restore of OpenShift, and that of a quorum restore: the vendor's procedures as values."""

from datetime import datetime

from holdfast.drivers.openshift.restore import quorum_steps, restore_steps
from holdfast.drivers.openshift.restore_values import OpenShiftTask, QuorumTask, RestoredPair
from holdfast.errors import RefusedError
from holdfast.facts.openshift_release import generation_of, read_release
from holdfast.models.cluster import ClusterSpec
from holdfast.models.openshift import Generation, OpenShiftCluster
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.planning.naming import parse_backup_id
from holdfast.planning.openshift_hosts import (
    cluster_of,
    generation_of_all,
    hosts,
    quorum_host,
    recovery_host,
    task_host,
)
from holdfast.planning.restore_plan import OTHER_KEYS
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

# The first release whose text turns the quorum guard off around a restore.
_GUARDED_FROM = (4, 5)


def plan_openshift_restore(
    spec: ClusterSpec,
    seen: RestoreSeen,
    backup: ChosenBackup,
    request: ChangeRequest,
    *,
    run_id: str,
    emergency: str | None,
    findings: tuple[Finding, ...],
    now: datetime,
) -> RestorePlan:
    """RefusedError of the first finding that refuses where there is no host, no pair, or no one generation."""
    manifest = backup.manifest
    recovery, generation = recovery_host(seen, backup), generation_of_all(hosts(seen))
    if recovery is None or generation is None or not manifest.bundles:
        raise impossible(findings)
    task = OpenShiftTask(
        run_id=run_id,
        generation=generation,
        recovery=task_host(recovery),
        others=tuple(task_host(survey) for survey in hosts(seen) if survey.node != recovery.node),
        pair=_pair(backup),
        guarded=_is_guarded(cluster_of(seen.surveys), manifest.source.platform_version, generation),
        old_cluster=seen.etcd.cluster_id if seen.etcd and generation == "4.18" else "",
    )
    summary = backup.verified.database if backup.verified else None
    counts = {name: resource.count for name, resource in summary.resources.items()} if summary else {}
    return RestorePlan(
        job="restore",
        cluster_id=spec.id,
        run_id=run_id,
        backup_id=manifest.backup_id,
        mode=request.mode,
        made_at=now,
        driver=spec.driver,
        transport=spec.transport.kind,
        emergency=emergency,
        signature=backup.signature,
        manifest_sha256=backup.manifest_sha256,
        snapshot_key=manifest.snapshot.key,
        bundle_keys={recovery.node: manifest.bundles[0].key},
        revision=manifest.database.revision,
        hash_kv=summary.hash_kv.hash if summary and summary.hash_kv else None,
        compact_revision=summary.hash_kv.compact_revision if summary and summary.hash_kv else None,
        counts=counts | ({OTHER_KEYS: summary.other_keys} if summary else {}),
        allowed=request.allow,
        findings=findings,
        steps=restore_steps(task),
        backup_after=True,
    )


def plan_quorum_restore(
    spec: ClusterSpec,
    seen: RestoreSeen,
    request: ChangeRequest,
    *,
    run_id: str,
    emergency: str | None,
    findings: tuple[Finding, ...],
    now: datetime,
) -> RestorePlan:
    """RefusedError of the first finding that refuses where no host has what it needs."""
    chosen = quorum_host(seen)
    if chosen is None:
        raise impossible(findings)
    own = [
        status
        for status in (seen.etcd.statuses if seen.etcd else ())
        if seen.nodes.get(status.member_id) == chosen.node
    ]
    task = QuorumTask(
        run_id=run_id,
        host=task_host(chosen),
        raw_size=max((status.db_size for status in own), default=0),
        revision=max((status.revision for status in own), default=0),
    )
    return RestorePlan(
        job="restore-quorum",
        cluster_id=spec.id,
        run_id=run_id,
        made_at=now,
        driver=spec.driver,
        transport=spec.transport.kind,
        emergency=emergency,
        allowed=request.allow,
        findings=findings,
        steps=quorum_steps(task),
        backup_after=True,
    )


def impossible(findings: tuple[Finding, ...]) -> RefusedError:
    first = next((finding for finding in findings if finding.level == "refuse"), None)
    if first is None:
        return RefusedError("layout_unknown", "no control-plane host of OpenShift was found that could be changed")
    return RefusedError(first.code, first.text, hint=first.hint)


def _pair(backup: ChosenBackup) -> RestoredPair:
    manifest = backup.manifest
    moment, _ = parse_backup_id(manifest.backup_id)
    return RestoredPair(
        stamp=f"{moment:%Y-%m-%d_%H%M%S}",
        sha256=manifest.snapshot.sha256,
        raw_size=manifest.snapshot.raw_size,
        compression=manifest.snapshot.compression,
        bundle_sha256=manifest.bundles[0].object_sha256,
        revision=manifest.database.revision,
    )


def _is_guarded(cluster: OpenShiftCluster | None, made: str, generation: Generation) -> bool:
    """Two nodes that fence each other have another way to a quorum; without a version the scripts tell the era."""
    if cluster and cluster.topology == "DualReplica":
        return False
    release = read_release(cluster.version if cluster else "") or read_release(made)
    if release is None or generation_of(f"{release.major}.{release.minor}.0") is None:
        return generation != "4.4"
    return release.stream >= _GUARDED_FROM
