"""start_backup: the target of every schedule. The execution's name comes from the schedule's time."""

from holdfast.engine.services import Services
from holdfast.engine.starting import start_scheduled
from holdfast.handler import state
from holdfast.models.run import ScheduleEvent, StartedRun


@state("StartBackup", ScheduleEvent)
def handler(event: ScheduleEvent, services: Services) -> StartedRun:
    return start_scheduled(services, event)
