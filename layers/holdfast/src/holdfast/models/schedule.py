"""A schedule as EventBridge Scheduler takes it."""

from holdfast.models.base import ClusterId, Model


class ScheduleRequest(Model):
    """`expression` is `cron(m h dom mon dow year)` or `rate(n unit)`; `flexible_minutes` 0 means off."""

    cluster_id: ClusterId
    expression: str
    timezone: str
    flexible_minutes: int
    enabled: bool
