"""Schedules in memory. Nothing fires: a test calls what a schedule would call."""

from holdfast.doubles import FailsOnDemand
from holdfast.models.schedule import ScheduleRequest


class MemorySchedules(FailsOnDemand):
    def __init__(self) -> None:
        super().__init__()
        self._schedules: dict[str, ScheduleRequest] = {}

    def apply(self, request: ScheduleRequest) -> bool:
        self._reach("apply")
        new = request.cluster_id not in self._schedules
        self._schedules[request.cluster_id] = request
        return new

    def get(self, cluster_id: str) -> ScheduleRequest | None:
        self._reach("get")
        return self._schedules.get(cluster_id)

    def remove(self, cluster_id: str) -> bool:
        self._reach("remove")
        return self._schedules.pop(cluster_id, None) is not None
