"""Retain: remove the backups that the cluster's rule lets go."""

from holdfast.engine.retention import retain
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import PhaseEvent


@state("Retain", PhaseEvent)
def handler(event: PhaseEvent, services: Services) -> None:
    retain(services, event.run)
