"""The contract of a scheduler: at most one schedule per cluster, named after it."""

from typing import Protocol

from holdfast.models.schedule import ScheduleRequest


class Schedules(Protocol):
    def apply(self, request: ScheduleRequest) -> bool:
        """Create or update the cluster's schedule; True when it is new. `schedule_refused` (permanent) carries the
        scheduler's own words; `scheduler_unavailable` is transient."""

    def get(self, cluster_id: str) -> ScheduleRequest | None: ...

    def remove(self, cluster_id: str) -> bool: ...
