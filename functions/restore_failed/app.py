"""Failed: stop what still runs on the nodes, decide whether to go back."""

from holdfast.engine.restore import ending
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.restore import ChangeFailed, Failure


@state("Failed", ChangeFailed)
def handler(event: ChangeFailed, services: Services) -> Failure:
    return ending.decide(services, event)
