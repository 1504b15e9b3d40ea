"""Schedules in one group of Amazon EventBridge Scheduler. A schedule is named after its cluster; one that is
no backup's has a suffix, with a dot that no cluster's id has."""

import json
from typing import Any

from holdfast.aws import AwsErrors
from holdfast.models.schedule import Purpose, ScheduleRequest

_ERRORS = AwsErrors(
    unavailable="scheduler_unavailable",
    denied="scheduler_access_denied",
    refused="schedule_refused",
    denied_hint="the role needs the scheduler action on this group, and iam:PassRole on the schedule's role",
)
# What the scheduler itself puts in place of this text when it fires: the moment that was planned, not the one of the
# delivery. Two deliveries of one event carry the same moment, and that makes them one backup.
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
# A backup that is an hour late is made by the next schedule or by hand, not by an old event.
_RETRIES = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600}
_SUFFIXES: dict[Purpose, str] = {"backup": "", "version-watch": ".version-watch"}


class EventBridgeSchedules:
    """The Schedules on EventBridge Scheduler. `target_arn` is the function start_backup, `role_arn` the role that may
    invoke it."""

    def __init__(self, client: Any, *, group: str, target_arn: str, role_arn: str) -> None:
        self._client = client
        self._group = group
        self._target_arn = target_arn
        self._role_arn = role_arn

    def apply(self, request: ScheduleRequest) -> bool:
        definition = self._definition(request)
        with _ERRORS.read(f"set the schedule {request.expression} of {request.cluster_id}"):
            try:
                self._client.create_schedule(**definition)
            except self._client.exceptions.ConflictException:
                # UpdateSchedule replaces everything: what is left out goes back to the default.
                self._client.update_schedule(**definition)
                return False
        return True

    def get(self, cluster_id: str, purpose: Purpose = "backup") -> ScheduleRequest | None:
        """None as well for one that calls another function, or with another role: that is no schedule of this stack,
        and applying makes it one."""
        with _ERRORS.read(f"read the schedule of {cluster_id}"):
            try:
                found = self._client.get_schedule(GroupName=self._group, Name=_name(cluster_id, purpose))
            except self._client.exceptions.ResourceNotFoundException:
                return None
        if (found["Target"]["Arn"], found["Target"]["RoleArn"]) != (self._target_arn, self._role_arn):
            return None
        return ScheduleRequest(
            cluster_id=cluster_id,
            purpose=purpose,
            expression=found["ScheduleExpression"],
            timezone=found.get("ScheduleExpressionTimezone", "UTC"),
            flexible_minutes=found["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0),
            enabled=found.get("State", "ENABLED") == "ENABLED",
        )

    def remove(self, cluster_id: str, purpose: Purpose = "backup") -> bool:
        with _ERRORS.read(f"remove the schedule of {cluster_id}"):
            try:
                self._client.delete_schedule(GroupName=self._group, Name=_name(cluster_id, purpose))
            except self._client.exceptions.ResourceNotFoundException:
                return False
        return True

    def _definition(self, request: ScheduleRequest) -> dict[str, Any]:
        payload = {"cluster": request.cluster_id, "scheduled_time": SCHEDULED_TIME, "kind": "recurring"}
        description = f"Holdfast: backups of {request.cluster_id}"
        if request.purpose == "version-watch":
            payload["when"] = "version-changed"
            description = f"Holdfast: backups of {request.cluster_id} when its version has changed"
        window: dict[str, Any] = {"Mode": "OFF"}
        if request.flexible_minutes:
            window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": request.flexible_minutes}
        return {
            "GroupName": self._group,
            "Name": _name(request.cluster_id, request.purpose),
            "Description": description,
            "ScheduleExpression": request.expression,
            "ScheduleExpressionTimezone": request.timezone,
            "FlexibleTimeWindow": window,
            "State": "ENABLED" if request.enabled else "DISABLED",
            "Target": {
                "Arn": self._target_arn,
                "RoleArn": self._role_arn,
                "Input": json.dumps(payload),
                "RetryPolicy": dict(_RETRIES),
            },
        }


def _name(cluster_id: str, purpose: Purpose) -> str:
    """At most 48 + 14 of the 64 characters that AWS allows."""
    return cluster_id + _SUFFIXES[purpose]
