"""Started: look at nodes, etcd and the backup, refuse or plan, save what still answers."""

from holdfast.engine.restore import started
from holdfast.engine.services import Services
from holdfast.handler import parse, state
from holdfast.models.restore import ChangeRequest, ChangeState, StartedChange


@state("Started", StartedChange)
def handler(event: StartedChange, services: Services) -> ChangeState:
    request = parse(ChangeRequest, event.execution.input)
    return started.start(services, request, event.execution.name, event.execution.started_at, event.look)
