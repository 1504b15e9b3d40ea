"""Snapshot: stream the chosen member's database into the bucket, or look on while its node sends it."""

from holdfast.engine import backup
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import BackupState, StateEvent


@state("Snapshot", StateEvent)
def handler(event: StateEvent, services: Services) -> BackupState:
    return backup.take_snapshot(services, event.state)
