"""A backup, phase by phase: each function is one state of statemachine/backup.asl.json.

Each may be called again. A retry, a redrive or a second delivery finds what the first call did and comes to the
same end.
"""

import hashlib
from contextlib import closing
from dataclasses import replace
from datetime import datetime

from holdfast import __version__
from holdfast.drivers.registry import driver_of
from holdfast.engine.catalog import find_backup
from holdfast.engine.indexing import tell_sealed
from holdfast.engine.looking import Seen, etcd_of, look_at, node_transport
from holdfast.engine.node_snapshot import snapshot_by_node
from holdfast.engine.progress import ReportedProgress, enter
from holdfast.engine.reading import read_if_there
from holdfast.engine.secrets import bundle_secrets, nodes_with_secrets
from holdfast.engine.services import Services
from holdfast.engine.signing import put_signature
from holdfast.engine.stored_head import read_stored_head
from holdfast.engine.transfer import transfer_snapshot
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.backup import Manifest, SnapshotObject, SnapshotSource
from holdfast.models.cluster import ClusterSpec, NodeTransport
from holdfast.models.plan import BackupPlan
from holdfast.models.run import BackupRequest, BackupRun, BackupState, Pending, RunRecord
from holdfast.planning.backup_plan import LEASE, forced, plan_backup, refuse_on
from holdfast.planning.naming import (
    MANIFEST,
    SNAPSHOT,
    backup_id_of_run,
    backup_key,
    backup_prefix,
    cluster_prefix,
    run_key,
)
from holdfast.planning.version_watch import told_release

PLAN = "plan.json"
_DIRTY = (
    "it was forced and is possibly dirty: the cluster may have been changing, and nobody knows whether database and "
    "static resources belong together; it is never counted as verified"
)


def start(
    services: Services, request: BackupRequest, run_id: str, started_at: datetime, pending: Pending | None = None
) -> BackupState:
    """Take the lease, look at the cluster, choose a member, store the plan. `pending` is what an earlier call left.

    RefusedError `lease_held` while another run is at work; the codes of planning/preflight.py, of the driver's findings
    and of planning/member_choice.py when the cluster is in no state to be backed up.
    """
    spec = services.clusters.get(request.cluster)
    if request.force:
        _refuse_force(spec)
    run = run_of_request(request, run_id, started_at)
    if pending is None:
        now = services.clock()
        services.leases.acquire(spec.id, run_id, now=now, expires_at=now + LEASE)
        open_run(services, run)
    else:
        enter(services, run, "Started")
    seen = look_at(services, spec, run_id, pending)
    if isinstance(seen, Pending):
        return BackupState(run=run, pending=seen)
    if request.force:
        seen = replace(seen, findings=forced(seen.findings))
    refuse_on(seen.findings)
    return store_plan(services, spec, run, seen, force=request.force)


def run_of_request(request: BackupRequest, run_id: str, started_at: datetime) -> BackupRun:
    backup = backup_id_of_run(request.cluster, run_id, started_at, request.kind)
    return BackupRun(
        run_id=run_id, cluster_id=request.cluster, backup_id=backup, kind=request.kind, started_at=started_at
    )


def open_run(services: Services, run: BackupRun) -> None:
    """The lease is the run's, so whatever upload is unfinished below its cluster belongs to a run that died."""
    services.runs.open(_record(run))
    services.writer.abort_uploads(cluster_prefix(run.cluster_id))


def store_plan(
    services: Services, spec: ClusterSpec, run: BackupRun, seen: Seen, *, force: bool = False
) -> BackupState:
    """The plan that is made of what was seen, and what the states after Started need of it."""
    plan = plan_backup(
        spec,
        seen.etcd,
        seen.choose(),
        findings=seen.findings,
        surveys=seen.surveys,
        run_id=run.run_id,
        backup=run.backup_id,
        kind=run.kind,
        now=services.clock(),
        force=force,
    )
    body = plan.model_dump_json(indent=2).encode()
    services.writer.put(run_key(spec.id, run.run_id, PLAN), body)
    return BackupState(
        run=run,
        bundled=bool(nodes_with_secrets(plan)),
        lock=spec.lock,
        plan_sha256=hashlib.sha256(body).hexdigest(),
    )


def _refuse_force(spec: ClusterSpec) -> None:
    if node_transport(spec.transport) is None or not driver_of(spec.driver).pairs:
        raise RefusedError(
            "force_unsupported",
            f"a backup of {spec.id} checks nothing that could be passed over: {spec.driver} over {spec.transport.kind}",
            hint="Run it without --force.",
        )


def _record(run: BackupRun) -> RunRecord:
    return RunRecord(
        run_id=run.run_id,
        cluster_id=run.cluster_id,
        backup_id=run.backup_id,
        kind=run.kind,
        status="running",
        started_at=run.started_at,
    )


def load_plan(services: Services, state: BackupState) -> BackupPlan:
    """RefusedError `backup_plan_changed` for another one than Started has put: nodes do as root what it says, and Seal
    vouches for it."""
    key = run_key(state.run.cluster_id, state.run.run_id, PLAN)
    body = services.reader.read(key)
    if hashlib.sha256(body).hexdigest() != state.plan_sha256:
        raise RefusedError(
            "backup_plan_changed",
            f"{key} is not the plan that this run has made",
            hint="Somebody wrote into the bucket: look who. Then run the backup again.",
        )
    return BackupPlan.model_validate_json(body)


def take_snapshot(services: Services, state: BackupState) -> BackupState:
    """The chosen member's database into the bucket: streamed through here, or sent by its node while this looks on.

    On any error nothing is left there. RefusedError `backup_exists` when that backup is sealed already: an execution's
    name can come again after 90 days.
    """
    run = state.run
    enter(services, run, "Snapshot")
    _refuse_sealed(services, run)
    plan = load_plan(services, state)
    spec = services.clusters.get(run.cluster_id)
    through_nodes = _way(spec, plan)
    if through_nodes is None:
        return state.model_copy(update={"snapshot": _stream(services, spec, plan, run)})
    with closing(services.nodes(through_nodes)) as transport:
        return snapshot_by_node(services, transport, driver_of(spec.driver), plan, state)


def _stream(services: Services, spec: ClusterSpec, plan: BackupPlan, run: BackupRun) -> SnapshotObject:
    # A first attempt that was killed may have left an upload of this very backup.
    services.writer.abort_uploads(backup_prefix(run.cluster_id, run.backup_id))
    progress = ReportedProgress(services, run, "Snapshot", plan.expected_bytes)
    with etcd_of(services, spec).snapshot(plan.member.endpoint) as blobs:
        return transfer_snapshot(
            blobs,
            services.writer,
            backup_key(run.cluster_id, run.backup_id, SNAPSHOT),
            part_bytes=plan.part_bytes,
            clock=services.clock,
            progress=progress.report,
        )


def take_secrets(services: Services, state: BackupState) -> BackupState:
    """The secrets bundles of all nodes into their own bucket."""
    run = state.run
    enter(services, run, "Secrets")
    plan = load_plan(services, state)
    spec = services.clusters.get(run.cluster_id)
    through_nodes = _way(spec, plan)
    if through_nodes is None:
        return state
    with closing(services.nodes(through_nodes)) as transport:
        return bundle_secrets(services, transport, driver_of(spec.driver), plan, state)


def _way(spec: ClusterSpec, plan: BackupPlan) -> NodeTransport | None:
    """How the cluster is reached. PermanentError `cluster_changed` when that is not how it was planned."""
    through_nodes = node_transport(spec.transport)
    if spec.transport.kind != plan.transport or (through_nodes is None) == bool(plan.member.node):
        text = f"the transport of {spec.id} was changed while the run was at work: it was planned over {plan.transport}"
        raise PermanentError("cluster_changed", text, hint="Run the backup again.")
    return through_nodes


def _refuse_sealed(services: Services, run: BackupRun) -> None:
    there = find_backup(services.reader, run.cluster_id, run.backup_id)
    if there and there.state != "unsealed":
        raise RefusedError(
            "backup_exists",
            f"{run.cluster_id} has a backup {run.backup_id} already; it is not written over",
            hint="start a run under another name",
        )


def seal(services: Services, state: BackupState) -> Manifest:
    """Check what the store holds, read the database's head from there, put the manifest. Only now the backup exists.

    Where there is a key that signs, nothing is sealed without a signature: the errors of signing/base.py.
    """
    run, snapshot = state.run, state.snapshot
    if snapshot is None:
        raise PermanentError("snapshot_missing", f"{run.run_id} has no snapshot to seal")
    enter(services, run, "Seal")
    plan = load_plan(services, state)
    return put_manifest(services, plan, state, snapshot, plan_sha256=str(state.plan_sha256))


def put_manifest(
    services: Services,
    plan: BackupPlan,
    state: BackupState,
    snapshot: SnapshotObject,
    *,
    plan_sha256: str,
) -> Manifest:
    """`plan_sha256` is that of the stored object with the plan."""
    run = state.run
    found = tuple(finding.text for finding in plan.findings if finding.level == "warn")
    manifest = Manifest(
        cluster_id=run.cluster_id,
        backup_id=run.backup_id,
        run_id=run.run_id,
        kind=run.kind,
        # The snapshot's own end, not the clock: a repeated Seal writes the same bytes, so the conditional put agrees.
        sealed_at=snapshot.finished_at,
        holdfast_version=__version__,
        source=_source(plan, settled=not state.rolled_out),
        snapshot=snapshot,
        database=read_stored_head(services.reader, snapshot),
        bundles=state.bundles,
        warnings=(*found, *state.notes, *((_DIRTY,) if state.possibly_dirty else ())),
        plan_sha256=plan_sha256,
        possibly_dirty=state.possibly_dirty,
    )
    body = manifest.model_dump_json(indent=2).encode()
    key = backup_key(run.cluster_id, run.backup_id, MANIFEST)
    # A manifest of other bytes keeps its signature, and is refused below.
    if read_if_there(services.reader, key) in (None, body):
        put_signature(services, run.cluster_id, run.backup_id, body)
    services.writer.put_if_absent(key, body)
    # After the manifest: the catalogue may know less than there is, never more.
    tell_sealed(services.writer, manifest)
    return manifest


def _source(plan: BackupPlan, *, settled: bool) -> SnapshotSource:
    """A rollout since the look may have been an upgrade's: then the release is not known, and the next look of the
    version watch has another backup made."""
    return SnapshotSource(
        driver=plan.driver,
        transport=plan.transport,
        etcd_cluster_id=plan.etcd_cluster_id,
        etcd_version=plan.member.version,
        endpoint=plan.member.endpoint,
        member_id=plan.member.member_id,
        member_name=plan.member.name,
        node=plan.member.node,
        reason=plan.member.reason,
        platform_version=told_release(plan.surveys) if settled else "",
    )
