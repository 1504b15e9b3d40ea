"""A backup when the release of a cluster has changed: the look before it, which makes no noise.

The look takes no lease, so that it keeps no backup of the cluster's own schedule from beginning at the same moment. It
may end in nothing for many reasons, and is taken again with the next firing of its schedule: it tells nobody. What is
wrong with a cluster for longer than that, its scheduled backups tell.
"""

from dataclasses import replace
from datetime import datetime
from itertools import islice

from holdfast.engine.backup import open_run, run_of_request, start, store_plan
from holdfast.engine.catalog import list_backups, load_manifest
from holdfast.engine.looking import look_at
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, RefusedError
from holdfast.models.plan import Finding
from holdfast.models.run import BackupRequest, BackupRun, BackupState, Pending
from holdfast.planning.backup_plan import LEASE, refuse_on
from holdfast.planning.version_watch import LastBackup, judge

# So many backups that were forced are passed over before the next one counts as none.
MOST_DIRTY = 10


def start_if_changed(
    services: Services, request: BackupRequest, run_id: str, started_at: datetime, pending: Pending | None = None
) -> BackupState:
    """Started of a run whose input says `when: version-changed`. `skipped` says why there is no backup to make.

    Raises only once the run has the cluster's lease: from then on it is a backup like any other, also for a retry.
    """
    run = run_of_request(request, run_id, started_at)
    begun = False
    try:
        begun = _has_the_lease(services, run)
        if begun:
            return start(services, request, run_id, started_at, pending)
        spec = services.clusters.get(request.cluster)
        seen = look_at(services, spec, run_id, pending)
        if isinstance(seen, Pending):
            return BackupState(run=run, pending=seen)
        watched = judge(seen.surveys, last_backup(services, spec.id))
        if not watched.due:
            return BackupState(run=run, skipped=watched.reason)
        refuse_on(seen.findings)
        seen.choose()
        now = services.clock()
        services.leases.acquire(spec.id, run_id, now=now, expires_at=now + LEASE)
    except HoldfastError as error:
        if begun:
            raise
        return BackupState(run=run, skipped=f"[{error.code}] {error.message}")
    open_run(services, run)
    why = Finding(level="info", code="version_changed", text=watched.reason)
    return store_plan(services, spec, run, replace(seen, findings=(why, *seen.findings)))


def last_backup(services: Services, cluster_id: str) -> LastBackup | None:
    """The newest backup that is sealed, not damaged, and not possibly dirty."""
    entries = (each for each in list_backups(services.reader, cluster_id) if each.state in ("sealed", "verified"))
    for entry in islice(entries, MOST_DIRTY):
        manifest, _ = load_manifest(services.reader, cluster_id, entry.backup_id)
        if not manifest.possibly_dirty:
            return LastBackup(entry.backup_id, manifest.source.platform_version)
    return None


def _has_the_lease(services: Services, run: BackupRun) -> bool:
    """Whether an earlier attempt of this very state went past its look, and was killed or failed after that."""
    try:
        services.leases.renew(run.cluster_id, run.run_id, expires_at=services.clock() + LEASE)
    except RefusedError:
        return False
    return True
