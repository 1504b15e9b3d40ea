"""Verify: read the whole backup back from the bucket and hold it against its manifest."""

from pathlib import Path

from holdfast.engine.services import Services
from holdfast.engine.verification import verify
from holdfast.handler import settings, state
from holdfast.models.run import PhaseEvent


@state("Verify", PhaseEvent)
def handler(event: PhaseEvent, services: Services) -> None:
    verify(services, event.run, Path(settings().work_dir))
