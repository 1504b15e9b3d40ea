"""restore_stopped: an execution may end where no state sees it: aborted, timed out. EventBridge tells us."""

from holdfast.engine.restore import ending
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import Outcome, StatusChangeEvent


@state("Stopped", StatusChangeEvent)
def handler(event: StatusChangeEvent, services: Services) -> Outcome | None:
    return ending.stop(services, event)
