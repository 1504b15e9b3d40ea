"""Finished: store and publish the outcome, give the lease back."""

from holdfast.engine import outcome
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import Outcome, PhaseEvent


@state("Finished", PhaseEvent)
def handler(event: PhaseEvent, services: Services) -> Outcome:
    return outcome.finish(services, event.run)
