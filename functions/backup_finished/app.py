"""Finished: store and publish the outcome, give the lease back."""

from holdfast.engine import outcome
from holdfast.engine.services import Services
from holdfast.handler import settings, state, write_metrics
from holdfast.models.run import FinishedEvent, Outcome
from holdfast.planning.metrics import backup_metrics


@state("Finished", FinishedEvent)
def handler(event: FinishedEvent, services: Services) -> Outcome:
    done = outcome.finish(services, event.run, event.warnings)
    write_metrics(backup_metrics(settings().stack_name, done))
    return done
