"""backup_stopped: an execution may end without its state Failed: aborted, timed out. EventBridge tells us."""

from holdfast.engine import outcome
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import Outcome, StatusChangeEvent


@state("Stopped", StatusChangeEvent)
def handler(event: StatusChangeEvent, services: Services) -> Outcome:
    return outcome.stop(services, event)
