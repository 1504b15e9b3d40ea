"""The plan of a restore: a value that names every step, where it runs, and what takes it back."""

from datetime import datetime

from holdfast.drivers.registry import driver_of
from holdfast.drivers.restore import RestoreTask, TaskNode
from holdfast.models.cluster import ClusterSpec
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.planning.restore_nodes import restore_nodes
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

# At least so far ahead of the backup, and of what members still tell: watchers that saw later revisions than the
# backup's are told that theirs is compacted, and list anew.
BUMP = 1_000_000_000
# More than any etcd writes. So many for each second since 1970 are more than all that a cluster ever wrote, and more
# than any earlier restore went ahead, of whatever backup: nobody has to know of it.
REVISIONS_PER_S = 10_000
# In the counts of a plan, beside the resources': keys that belong to none.
OTHER_KEYS = "other keys"


def plan_restore(
    spec: ClusterSpec,
    seen: RestoreSeen,
    backup: ChosenBackup,
    request: ChangeRequest,
    *,
    run_id: str,
    token: str,
    emergency: str | None,
    findings: tuple[Finding, ...],
    now: datetime,
) -> RestorePlan:
    """`token` names the new cluster, and has to be fresh for every run. RefusedError `driver_unsupported`."""
    driver = driver_of(spec.driver)
    manifest = backup.manifest
    nodes = restore_nodes(driver, seen, backup, request.mode)
    revision = manifest.database.revision
    task = RestoreTask(
        run_id=run_id,
        mode=request.mode,
        nodes=nodes,
        token=token,
        sha256=manifest.snapshot.sha256,
        raw_size=manifest.snapshot.raw_size,
        compression=manifest.snapshot.compression,
        revision=revision,
        bump=_bump(seen, nodes, revision, now),
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
        bundle_keys={node.node: node.bundle.key for node in nodes if node.bundle},
        revision=revision,
        hash_kv=summary.hash_kv.hash if summary and summary.hash_kv else None,
        compact_revision=summary.hash_kv.compact_revision if summary and summary.hash_kv else None,
        counts=counts | ({OTHER_KEYS: summary.other_keys} if summary else {}),
        allowed=request.allow,
        findings=findings,
        steps=driver.restore_steps(task),
    )


def _bump(seen: RestoreSeen, nodes: tuple[TaskNode, ...], revision: int, now: datetime) -> int:
    """On all nodes or on none: members whose revisions differ would be members of different clusters."""
    able = [node.node in seen.facts and seen.facts[node.node].tool_bumps for node in nodes if node.member]
    if not able or not all(able):
        return 0
    newest = max((status.revision for status in seen.etcd.statuses), default=0) if seen.etcd else 0
    return max(int(now.timestamp()) * REVISIONS_PER_S, max(newest, revision) + BUMP) - revision
