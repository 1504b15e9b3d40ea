"""A schedule as EventBridge Scheduler takes it."""

from typing import Literal

from holdfast.models.base import ClusterId, Model

# What a schedule starts: a backup, or a look whether the cluster's release has changed, which may become one.
Purpose = Literal["backup", "version-watch"]


class ScheduleRequest(Model):
    """`expression` is `cron(m h dom mon dow year)` or `rate(n unit)`; `flexible_minutes` 0 means off."""

    cluster_id: ClusterId
    purpose: Purpose = "backup"
    expression: str
    timezone: str
    flexible_minutes: int
    enabled: bool
