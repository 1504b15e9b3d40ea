"""One look at the steps of a phase: Shutdown, Restore, RestartCluster, Finished, or Rollback."""

from holdfast.engine.restore import phase
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.restore import PhaseEvent, PhaseWork


@state("Phase", PhaseEvent)
def handler(event: PhaseEvent, services: Services) -> PhaseWork:
    return phase.advance(services, event.work)
