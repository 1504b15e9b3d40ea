"""Report: every step is done; store and tell the outcome, give the lease back."""

from holdfast.engine.restore import ending
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.restore import ReportEvent
from holdfast.models.run import Outcome


@state("Report", ReportEvent)
def handler(event: ReportEvent, services: Services) -> Outcome:
    return ending.finish(services, event.run)
