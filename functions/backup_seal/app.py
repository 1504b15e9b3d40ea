"""Seal: check what the bucket holds and put the manifest. From here on the backup exists."""

from holdfast.engine import backup
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import StateEvent


@state("Seal", StateEvent)
def handler(event: StateEvent, services: Services) -> None:
    backup.seal(services, event.state)
