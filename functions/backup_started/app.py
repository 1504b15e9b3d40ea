"""Started: parse the execution's input, take the lease, look at the cluster, choose a member, store the plan."""

from holdfast.engine import backup
from holdfast.engine.services import Services
from holdfast.handler import parse, state
from holdfast.models.run import BackupRequest, BackupRun, StartedEvent


@state("Started", StartedEvent)
def handler(event: StartedEvent, services: Services) -> BackupRun:
    return backup.start(services, parse(BackupRequest, event.input), event.run_id, event.started_at)
