"""Lock: Object Lock on the objects of a verified backup, where the cluster's spec asks for it."""

from holdfast.engine import locking
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import BackupState, StateEvent


@state("Lock", StateEvent)
def handler(event: StateEvent, services: Services) -> BackupState:
    return locking.lock(services, event.state)
