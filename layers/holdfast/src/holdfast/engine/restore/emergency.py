"""Before anything is touched: a backup of what still answers. It needs no quorum (etcd reads a snapshot locally).

It is an ordinary backup, sealed and listed, so that a restore that was a mistake is taken back by another one. The
restore's own plan waits beside that of the backup: it is the run's plan when the backup is there, or may be missing.
"""

import hashlib
from contextlib import closing

from holdfast.drivers.registry import driver_of
from holdfast.engine.backup import put_manifest
from holdfast.engine.catalog import find_backup
from holdfast.engine.node_snapshot import URLS, snapshot_by_node
from holdfast.engine.restore.looking import transport_of
from holdfast.engine.restore.stored import EMERGENCY, load_bound, put_bound
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.models.base import Model
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EndpointFailure
from holdfast.models.plan import BackupPlan
from holdfast.models.restore import ChangeRun, RestorePlan
from holdfast.models.run import BackupRun, BackupState
from holdfast.planning.backup_plan import plan_backup
from holdfast.planning.member_choice import choose_member
from holdfast.planning.naming import backup_id, backup_prefix, run_key
from holdfast.planning.node_facts import unusable_nodes
from holdfast.planning.restore_seen import RestoreSeen

# What ails stores of ours may be well at the next look. All else was tried on its node as often as it is.
_OURS = (
    "secrets_unavailable",
    "state_unavailable",
    "storage_bytes_changed",
    "signing_unavailable",
    "storage_unavailable",
)
# Where changes put aside what they replace (node/restore.sh).
_OLD = "/var/lib/holdfast-old"


class Emergency(Model):
    """`emergency.json` of a run."""

    backup: BackupPlan
    plan: RestorePlan


def emergency_plan(
    services: Services, spec: ClusterSpec, seen: RestoreSeen, run: ChangeRun
) -> BackupPlan | EndpointFailure | None:
    """From the best member that answers; None when none does, and the reason when one does and its node cannot send."""
    if seen.etcd is None:
        return None
    largest = max((status.db_size for status in seen.etcd.statuses), default=0)
    unusable = unusable_nodes(seen.surveys, largest)
    cannot = {member: unusable[where] for member, where in seen.nodes.items() if where in unusable}
    try:
        chosen = choose_member(seen.etcd, cannot)
    except RefusedError as error:
        return EndpointFailure.of("", error)
    plan = plan_backup(
        spec,
        seen.etcd,
        chosen.model_copy(update={"node": seen.nodes[chosen.member_id]}),
        findings=(),
        surveys=seen.surveys,
        run_id=run.run_id,
        backup=backup_id(run.started_at, "manual", f"{run.run_id} emergency"),
        kind="manual",
        now=services.clock(),
        # No rollout that hangs, and no API that is down, shall keep a sick cluster from it.
        force=driver_of(spec.driver).pairs,
    )
    # Whoever starts a restore may not write into the secrets bucket; the node has all of that anyway.
    return plan.model_copy(update={"keep_at": f"{_OLD}/{run.run_id}/emergency"}) if plan.pair else plan


def begin(services: Services, run: ChangeRun, made: Emergency) -> BackupState:
    put_bound(services, run, EMERGENCY, made.model_dump_json(indent=2).encode())
    return BackupState(
        run=BackupRun(
            run_id=run.run_id,
            cluster_id=run.cluster_id,
            backup_id=made.backup.backup_id,
            kind="manual",
            started_at=run.started_at,
        )
    )


def load(services: Services, run: ChangeRun) -> Emergency:
    """RefusedError `plan_changed` for one that somebody else wrote: the restore's plan is in it."""
    return Emergency.model_validate_json(load_bound(services, run, EMERGENCY))


def take(services: Services, spec: ClusterSpec, run: ChangeRun, plan: BackupPlan, state: BackupState) -> BackupState:
    """One look; sealed when nothing is pending any more."""
    there = find_backup(services.reader, run.cluster_id, state.run.backup_id)
    if there and there.state != "unsealed":
        return state.model_copy(update={"pending": None})
    with closing(services.nodes(transport_of(spec))) as transport:
        state = snapshot_by_node(services, transport, driver_of(spec.driver), plan, state)
    if state.pending is None and state.snapshot is not None:
        stored = load_bound(services, run, EMERGENCY)
        put_manifest(services, plan, state, state.snapshot, plan_sha256=hashlib.sha256(stored).hexdigest())
    return state


def is_final(error: HoldfastError) -> bool:
    """Whether there will be no emergency backup."""
    return isinstance(error, PermanentError) or error.code not in _OURS


def give_up(services: Services, run: ChangeRun, plan: BackupPlan) -> None:
    services.writer.abort_uploads(backup_prefix(run.cluster_id, plan.backup_id))
    forget_urls(services, run)


def forget_urls(services: Services, run: ChangeRun) -> None:
    """Of a backup that came to no end; the next backup of the cluster aborts the upload that they are for."""
    key = run_key(run.cluster_id, run.run_id, URLS)
    if any(info.size for info in services.reader.list(key)):
        services.writer.put(key, b"", content_type="text/plain")
