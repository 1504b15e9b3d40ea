"""Started: parse the execution's input, take the lease, look at the cluster, choose a member, store the plan."""

from holdfast.engine import backup
from holdfast.engine.services import Services
from holdfast.handler import parse, state
from holdfast.models.run import BackupRequest, BackupState, StartedEvent


@state("Started", StartedEvent)
def handler(event: StartedEvent, services: Services) -> BackupState:
    request = parse(BackupRequest, event.input)
    return backup.start(services, request, event.run_id, event.started_at, event.pending)
