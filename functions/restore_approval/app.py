"""Approval: note who waits with which task token, and tell the operators."""

from holdfast.engine.restore import approving
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.restore import AskEvent


@state("Approval", AskEvent)
def handler(event: AskEvent, services: Services) -> None:
    approving.ask(services, event.run, event.token)
