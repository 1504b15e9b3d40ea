"""Schedules in memory. Nothing fires: a test calls what a schedule would call."""

from holdfast.doubles import FailsOnDemand
from holdfast.models.schedule import Purpose, ScheduleRequest


class MemorySchedules(FailsOnDemand):
    def __init__(self) -> None:
        super().__init__()
        self._schedules: dict[tuple[str, Purpose], ScheduleRequest] = {}

    def apply(self, request: ScheduleRequest) -> bool:
        self._reach("apply")
        new = (request.cluster_id, request.purpose) not in self._schedules
        self._schedules[request.cluster_id, request.purpose] = request
        return new

    def get(self, cluster_id: str, purpose: Purpose = "backup") -> ScheduleRequest | None:
        self._reach("get")
        return self._schedules.get((cluster_id, purpose))

    def remove(self, cluster_id: str, purpose: Purpose = "backup") -> bool:
        self._reach("remove")
        return self._schedules.pop((cluster_id, purpose), None) is not None
