"""Finished: store and publish the outcome, give the lease back."""

from holdfast.engine import outcome
from holdfast.engine.services import Services
from holdfast.handler import settings, state, write_metrics
from holdfast.models.run import Outcome, PhaseEvent
from holdfast.planning.metrics import backup_metrics


@state("Finished", PhaseEvent)
def handler(event: PhaseEvent, services: Services) -> Outcome:
    done = outcome.finish(services, event.run)
    write_metrics(backup_metrics(settings().stack_name, done))
    return done
