"""The backup that a restore starts when it has succeeded: what there is in the bucket is of a cluster that is no more.

It is an execution of its own. A restore that succeeded has succeeded, whatever becomes of that backup.
"""

from holdfast.engine.restore.journal import Journal
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError
from holdfast.models.restore import ChangeRun, RestorePlan
from holdfast.models.run import BackupRequest
from holdfast.planning.naming import backup_id, run_id


def start_backup_after(services: Services, run: ChangeRun, plan: RestorePlan | None) -> tuple[str, tuple[str, ...]]:
    """The name of the backup's run, "" where the plan asks for none or it could not be started, and then a warning.

    The lease is given back before, as that run takes it first. Named after the restore and its last step, so that a
    Report that is tried again starts no second one."""
    if plan is None or not plan.backup_after:
        return "", ()
    try:
        ends = (record.at for record in Journal(services, run).records())
        backup = backup_id(max(ends, default=run.started_at), "manual", f"after {run.run_id}")
        name = run_id(run.cluster_id, backup)
        services.leases.release(run.cluster_id, run.run_id)
        services.executions.start(name, BackupRequest(cluster=run.cluster_id, kind="manual").model_dump_json())
    except HoldfastError as error:
        return "", (f"no fresh backup was started ({error}): holdfast backup run {run.cluster_id}",)
    return name, ()
