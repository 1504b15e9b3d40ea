"""Started: parse the execution's input, take the lease, look at the cluster, choose a member, store the plan."""

from holdfast.engine import backup
from holdfast.engine.services import Services
from holdfast.engine.version_watch import start_if_changed
from holdfast.handler import parse, state
from holdfast.models.run import BackupRequest, BackupState, StartedEvent


@state("Started", StartedEvent)
def handler(event: StartedEvent, services: Services) -> BackupState:
    request = parse(BackupRequest, event.input)
    begin = start_if_changed if request.when else backup.start
    return begin(services, request, event.run_id, event.started_at, event.pending)
