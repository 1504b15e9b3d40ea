"""When an EventBridge Scheduler expression is due: rate(…), at(…) and cron(…) with its six fields. Pure.

Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
Seen there and kept here: a rate schedule without a start date invokes at once; local times that a clock change
skips are left out; local times that it repeats happen once. Left out: `W`, `#` and `L` after a weekday.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
WEEKDAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], start=1)}
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
LAST_DAY = 32  # stands for `L` in the day-of-month field
YEARS = (1970, 2199)


class UnsupportedExpressionError(ValueError):
    """The expression is not one that this emulation fires."""


@dataclass(frozen=True)
class Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int]

    def matches(self, day: date) -> bool:
        if day.year not in self.years or day.month not in self.months:
            return False
        if self.days is not None:
            is_last = day.day == calendar.monthrange(day.year, day.month)[1]
            return day.day in self.days or (is_last and LAST_DAY in self.days)
        return self.weekdays is None or day.isoweekday() % 7 + 1 in self.weekdays


def next_due(expression: str, zone: ZoneInfo, created: datetime, after: datetime) -> datetime | None:
    """The first moment later than `after`, in UTC; `created` anchors a rate. None when there is no further one."""
    kind, _, body = expression.rstrip(")").partition("(")
    if kind == "rate":
        step = _interval(body)
        passed = max(-1, (after - created) // step)
        return created + (passed + 1) * step
    if kind == "at":
        moment = datetime.fromisoformat(body).replace(tzinfo=zone).astimezone(UTC)
        return moment if moment > after else None
    if kind == "cron":
        return next((moment for moment in _cron_moments(_parse_cron(body), zone, after) if moment > after), None)
    raise UnsupportedExpressionError(f"{expression} is neither rate, at nor cron")


def _interval(body: str) -> timedelta:
    found = re.fullmatch(r"(\d+) (minute|hour|day)s?", body)
    if found is None or int(found[1]) == 0:
        raise UnsupportedExpressionError(f"rate({body})")
    return int(found[1]) * UNITS[found[2]]


def _cron_moments(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    first = after.astimezone(zone).date()
    for offset in range(366 * 8):  # 29 February can be eight years away (1896 to 1904, 2096 to 2104)
        day = first + timedelta(days=offset)
        if not cron.matches(day):
            continue
        for hour in sorted(cron.hours):
            for minute in sorted(cron.minutes):
                local = datetime.combine(day, time(hour, minute), zone)
                moment = local.astimezone(UTC)
                if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    yield moment


def _parse_cron(body: str) -> Cron:
    fields = body.upper().split()
    if len(fields) != 6:
        raise UnsupportedExpressionError(f"cron({body}) has {len(fields)} fields, not 6")
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise UnsupportedExpressionError(f"cron({body}): exactly one of day-of-month and day-of-week is ?")
    return Cron(
        minutes=_numbers(minutes, 0, 59),
        hours=_numbers(hours, 0, 23),
        days=None if days == "?" else _numbers(days, 1, 31, {"L": LAST_DAY}),
        months=_numbers(months, 1, 12, MONTHS),
        weekdays=None if weekdays == "?" else _numbers(weekdays, 1, 7, WEEKDAYS),
        years=_numbers(years, *YEARS),
    )


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    names = names or {}
    chosen: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("*", "", "") if span == "*" else span.partition("-")
        begin = low if first == "*" else _number(first, names)
        end = _number(last, names) if last else (high if first == "*" or step else begin)
        width = _number(step, {}) if step else 1
        if width < 1:
            raise UnsupportedExpressionError(f"step of 0 in {field!r}")
        # FRI-MON and 22-2 wrap around, as on AWS.
        wrapped = [*range(begin, high + 1), *range(low, end + 1)] if end < begin else [*range(begin, end + 1)]
        chosen.update(wrapped[::width])
    if not all(low <= number <= high or number in names.values() for number in chosen):
        raise UnsupportedExpressionError(f"{field!r} is not within {low}-{high}")
    return frozenset(chosen)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdigit():
        raise UnsupportedExpressionError(f"{text!r} is not understood here")
    return int(text)
