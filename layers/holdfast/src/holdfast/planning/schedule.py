"""The schedule of a cluster as EventBridge Scheduler takes it, or why there is none that fires as it was written."""

import re

from holdfast.errors import InvalidInputError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.schedule import ScheduleRequest
from holdfast.planning.cron import expand_macro, five_to_six
from holdfast.planning.eventbridge_cron import check_six

_RATE = re.compile(r"([0-9]{1,6})\s+(minute|hour|day)s?")
WATCH_WINDOW_MINUTES = 10
_RATE_FORM = 'write a whole number and minutes, hours or days, for example "6 hours"'


def schedule_request(spec: ClusterSpec) -> ScheduleRequest | None:
    """None when the cluster has no schedule. InvalidInputError `cron_invalid`, `cron_not_convertible`,
    `cron_never_fires` or `rate_invalid`."""
    schedule = spec.schedule
    if schedule is None:
        return None
    expression = rate_expression(schedule.rate) if schedule.rate is not None else cron_expression(schedule.cron or "")
    return ScheduleRequest(
        cluster_id=spec.id,
        expression=expression,
        timezone=schedule.timezone,
        flexible_minutes=schedule.flexible_minutes,
        enabled=not schedule.paused,
    )


def watch_request(spec: ClusterSpec) -> ScheduleRequest | None:
    """The schedule that looks for another release; None where none is looked for. InvalidInputError `rate_invalid`."""
    watch = spec.watched
    if watch is None:
        return None
    return ScheduleRequest(
        cluster_id=spec.id,
        purpose="version-watch",
        expression=rate_expression(watch.every),
        timezone="UTC",
        # Looks of many clusters that were applied at once need not come at once for good.
        flexible_minutes=WATCH_WINDOW_MINUTES,
        enabled=not watch.paused,
    )


def cron_expression(text: str) -> str:
    """`cron(…)` for five fields, EventBridge's six, a macro such as @daily, or either of them inside `cron(…)`."""
    written = _inside("cron", text)
    if "TZ=" in written.upper():
        raise InvalidInputError(
            "cron_invalid",
            f"cron {text[:100]!r} names a time zone",
            hint="write it in the field timezone of the schedule",
        )
    fields = expand_macro(written)
    count = len(fields.split())
    if count == 5:
        return five_to_six(fields)
    if count == 6:
        return check_six(fields)
    raise InvalidInputError(
        "cron_invalid",
        f"cron {text[:100]!r} has {count} fields",
        hint="five fields as in crontab, or EventBridge's six: minute hour day-of-month month day-of-week year",
    )


def rate_expression(text: str) -> str:
    """`rate(6 hours)`, `rate(1 hour)`: EventBridge insists on the singular for one."""
    match = _RATE.fullmatch(_inside("rate", text).lower())
    if match is None:
        raise InvalidInputError("rate_invalid", f"rate {text[:100]!r} is no interval", hint=_RATE_FORM)
    number, unit = int(match[1]), match[2]
    if number < 1:
        raise InvalidInputError("rate_invalid", f"rate {text[:100]!r} is less than a minute", hint=_RATE_FORM)
    return f"rate({number} {unit if number == 1 else unit + 's'})"


def _inside(word: str, text: str) -> str:
    """`cron(X)` without its brackets; text without them as it is."""
    match = re.fullmatch(rf"{word}\((.*)\)", text.strip(), re.IGNORECASE | re.DOTALL)
    return (match[1] if match else text).strip()
