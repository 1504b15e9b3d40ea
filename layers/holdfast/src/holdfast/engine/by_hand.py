"""Beside every backup of nodes: how a person restores it on the day when there is no Holdfast, no stack, no table."""

from holdfast.drivers.registry import driver_of
from holdfast.engine.restore.looking import chosen_backup
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError
from holdfast.models.restore import ChangeRequest, RestoreMode
from holdfast.models.run import BackupRun
from holdfast.planning.naming import RUNBOOK, RUNBOOK_NEW_HOSTS, backup_key, token_of_run
from holdfast.planning.restore_plan import plan_restore
from holdfast.planning.restore_seen import seen_in_backup
from holdfast.planning.runbook import runbook


def store_runbooks(services: Services, run: BackupRun) -> tuple[str, ...]:
    """Pages for the nodes as they were; nobody looks at them now. What went wrong, in words: a backup is as good
    without. Nothing for a backup that came straight from etcd: nobody knows its nodes."""
    try:
        spec = services.clusters.get(run.cluster_id)
        backup = chosen_backup(services, run.cluster_id, run.backup_id)
        if backup.plan is None or not backup.plan.surveys:
            return ()
        driver = driver_of(spec.driver)
        pages: dict[str, RestoreMode] = {RUNBOOK: "etcd"}
        if backup.manifest.bundles:
            pages[RUNBOOK_NEW_HOSTS] = "new-hosts"
        for name, mode in pages.items():
            plan = plan_restore(
                spec,
                seen_in_backup(driver, backup),
                backup,
                ChangeRequest(cluster=spec.id, backup=run.backup_id, mode=mode),
                run_id=run.backup_id,
                token=token_of_run(run.backup_id),
                emergency=None,
                findings=(),
                now=backup.manifest.sealed_at,
            )
            body = runbook(plan).encode()
            services.writer.put(backup_key(spec.id, run.backup_id, name), body, content_type="text/markdown")
    except HoldfastError as error:
        return (f"the page for a restore by hand was not stored: {error}",)
    return ()
