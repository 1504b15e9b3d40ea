"""The contract of a scheduler: at most one schedule per cluster and purpose, named after both."""

from typing import Protocol

from holdfast.models.schedule import Purpose, ScheduleRequest


class Schedules(Protocol):
    def apply(self, request: ScheduleRequest) -> bool:
        """Create or update the cluster's schedule of that purpose; True when it is new. Permanent: `schedule_refused`
        carries the scheduler's own words, `scheduler_access_denied`. Transient: `scheduler_unavailable`."""

    def get(self, cluster_id: str, purpose: Purpose = "backup") -> ScheduleRequest | None:
        """What `apply` was given last, None when the cluster has no such schedule."""

    def remove(self, cluster_id: str, purpose: Purpose = "backup") -> bool:
        """False when there was none."""
