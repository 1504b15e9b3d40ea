"""Snapshot: stream the chosen member's database into the bucket."""

from holdfast.engine import backup
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.backup import SnapshotObject
from holdfast.models.run import PhaseEvent


@state("Snapshot", PhaseEvent)
def handler(event: PhaseEvent, services: Services) -> SnapshotObject:
    return backup.take_snapshot(services, event.run)
