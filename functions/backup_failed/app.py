"""Failed: clean up after any error of any state, publish the outcome, give the lease back."""

from holdfast.engine import outcome
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import FailedEvent, Outcome


@state("Failed", FailedEvent)
def handler(event: FailedEvent, services: Services) -> Outcome:
    return outcome.fail(services, event)
