"""Starting a backup: from a schedule's event or by hand. The name of the execution decides; a name starts one."""

from holdfast.engine.services import Services
from holdfast.models.run import BackupRequest, ScheduleEvent, StartedRun
from holdfast.planning.naming import backup_id, run_id, scheduled_run_id


def start_scheduled(services: Services, event: ScheduleEvent) -> StartedRun:
    """The same event, delivered any number of times, starts one execution: its name comes from the schedule's time."""
    name = scheduled_run_id(event.cluster, event.scheduled_time, event.when)
    request = BackupRequest(cluster=event.cluster, kind="recurring")
    return _start(services, name, request.model_copy(update={"when": event.when}) if event.when else request)


def start_manual(services: Services, cluster_id: str, seed: str, *, force: bool = False) -> StartedRun:
    """`seed` tells two starts within one second apart. PermanentError `cluster_unknown` before anything starts."""
    spec = services.clusters.get(cluster_id)
    name = run_id(spec.id, backup_id(services.clock(), "manual", seed))
    request = BackupRequest(cluster=spec.id, kind="manual")
    return _start(services, name, request.model_copy(update={"force": True}) if force else request)


def _start(services: Services, name: str, request: BackupRequest) -> StartedRun:
    return StartedRun(run_id=name, new=services.executions.start(name, request.model_dump_json(exclude_unset=True)))
