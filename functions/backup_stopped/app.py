"""backup_stopped: an execution that was aborted or timed out runs no state of its own; EventBridge tells us instead."""

from holdfast.engine import outcome
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import Outcome, StatusChangeEvent


@state("Stopped", StatusChangeEvent)
def handler(event: StatusChangeEvent, services: Services) -> Outcome:
    return outcome.fail(services, event.as_failure())
