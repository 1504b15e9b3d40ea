"""Beside every backup of nodes: how a person restores it on the day when there is no Holdfast, no stack, no table."""

from holdfast.engine.restore.looking import stored_backup
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError
from holdfast.models.run import BackupRun
from holdfast.planning.backup_runbook import runbook_of_backup
from holdfast.planning.naming import RUNBOOK, backup_key


def store_runbook(services: Services, run: BackupRun) -> tuple[str, ...]:
    """What went wrong, in words: a backup is as good without. Nothing for a backup that came straight from etcd: nobody
    knows its nodes."""
    try:
        spec = services.clusters.get(run.cluster_id)
        backup = stored_backup(services, run.cluster_id, run.backup_id)
        page = runbook_of_backup(spec, backup, backup.manifest.sealed_at, services.buckets(spec.id))
        if page is not None:
            key = backup_key(spec.id, run.backup_id, RUNBOOK)
            services.writer.put(key, page.encode(), content_type="text/markdown")
    except HoldfastError as error:
        return (f"the page for a restore by hand was not stored: {error}",)
    return ()
