"""Ended: tell the outcome, give the lease back, and end the execution with the first error in plain words."""

from holdfast.engine.restore import ending
from holdfast.engine.services import Services
from holdfast.handler import RunEnded, state
from holdfast.models.restore import ChangeEnded, ChangeState
from holdfast.models.run import Outcome


@state("Ended", ChangeEnded)
def handler(event: ChangeEnded, services: Services) -> ChangeState:
    ended = ending.end(services, event)
    if isinstance(ended, Outcome):
        raise RunEnded(ended)
    return ended
