"""When a schedule fires, as EventBridge Scheduler documents its expressions.

Source: EventBridge Scheduler user guide, "Schedule types", cron-based, rate-based, and "Time zones": a time
that daylight saving leaves out does not fire, one that it repeats fires once.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from holdfast.planning.cron_fields import SIX

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
# 29 February comes once in eight years around 2100: who looks so far has seen every date that there is.
_FAR = timedelta(days=8 * 366 + 1)
# A look ahead for the longest gap: a year has every month and every weekday.
_YEAR_AHEAD = timedelta(days=370)


@dataclass(frozen=True)
class Rate:
    """`rate(6 hours)`. It counts from when the schedule was made, which nobody notes: only the interval is known."""

    interval: timedelta


@dataclass(frozen=True)
class Cron:
    """`cron(minute hour day-of-month month day-of-week year)` in a time zone, checked before."""

    fields: tuple[str, str, str, str, str, str]
    timezone: str

    @cached_property
    def _times(self) -> tuple[time, ...]:
        hours, minutes = SIX.hour.values(self.fields[1]), SIX.minute.values(self.fields[0])
        return tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes))

    @cached_property
    def _months(self) -> frozenset[int]:
        return SIX.month.values(self.fields[3])

    @cached_property
    def _years(self) -> frozenset[int]:
        return SIX.year.values(self.fields[5])

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def last(self, until: datetime) -> datetime | None:
        """The newest firing at or before `until`."""
        return next(self._back(until), None)

    def count(self, after: datetime, until: datetime, *, most: int) -> int:
        """How many firings there are in (after, until], at most `most`."""
        found = 0
        for moment in self._back(until):
            if moment <= after or found == most:
                break
            found += 1
        return found

    def longest_gap(self, now: datetime) -> timedelta | None:
        """Between two firings in the year to come; None when there are no two."""
        return _longest_gap(self, now.astimezone(self._zone).date())

    def gap_from(self, first: date) -> timedelta | None:
        days = [day for day in _days_from(first, _YEAR_AHEAD.days) if self._fires_on(day)]
        times = [datetime.combine(first, each) for each in self._times]
        within = [later - earlier for earlier, later in pairwise(times)]
        overnight = timedelta(days=1) - (times[-1] - times[0])
        between = [(later - earlier - timedelta(days=1)) + overnight for earlier, later in pairwise(days)]
        gaps = [*(within if days else []), *between]
        return max(gaps) if gaps else None

    def _back(self, until: datetime) -> Iterator[datetime]:
        """Every firing at or before `until`, the newest first, as far back as any date can be from the next."""
        day = until.astimezone(self._zone).date() + timedelta(days=1)
        end = day - _FAR
        while day > end:
            if self._fires_on(day):
                for each in reversed(self._times):
                    moment = self._moment(day, each)
                    if moment is not None and moment <= until:
                        yield moment
                        end = day - _FAR
            day -= timedelta(days=1)

    def _moment(self, day: date, at: time) -> datetime | None:
        """In UTC; None for a time that this day does not have."""
        local = datetime.combine(day, at, self._zone)
        moment = local.astimezone(UTC)
        there = moment.astimezone(self._zone)
        return moment if (there.hour, there.minute) == (at.hour, at.minute) else None

    def _fires_on(self, day: date) -> bool:
        if day.month not in self._months or day.year not in self._years:
            return False
        if self.fields[2] == "?":
            return _is_weekday(self.fields[4], day)
        return _is_day(self.fields[2], day)


@lru_cache(maxsize=1024)
def _longest_gap(schedule: Cron, first: date) -> timedelta | None:
    """Once a day for each expression: a thousand clusters have a handful of them."""
    return schedule.gap_from(first)


def parse_expression(expression: str, timezone: str) -> Cron | Rate:
    """Of a ScheduleRequest, whose expression was checked when it was made."""
    inside = expression.partition("(")[2].removesuffix(")")
    if expression.startswith("rate("):
        number, unit = inside.split()
        return Rate(int(number) * _UNITS[unit.removesuffix("s")])
    minute, hour, day, month, weekday, year = inside.split()
    return Cron((minute, hour, day, month, weekday, year), timezone)


def _days_from(first: date, count: int) -> Iterator[date]:
    return (first + timedelta(days=offset) for offset in range(count))


def _is_day(field: str, day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    if field == "L":
        return day.day == last
    if field == "LW":
        return day == _nearest_working_day(day.replace(day=last))
    if field.endswith("W"):
        number = int(field[:-1])
        return number <= last and day == _nearest_working_day(day.replace(day=number))
    return day.day in SIX.day.values(field)


def _nearest_working_day(day: date) -> date:
    """Monday to Friday, without leaving the month."""
    last = monthrange(day.year, day.month)[1]
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        return day + timedelta(days=1) if day.day < last else day - timedelta(days=2)
    return day


def _is_weekday(field: str, day: date) -> bool:
    """1 is Sunday. `L` alone is the last day of the week, `5L` the month's last Thursday, `2#1` its first Monday."""
    number = day.isoweekday() % 7 + 1
    if field == "L":
        return number == 7
    if "#" in field:
        name, _, nth = field.partition("#")
        return number in SIX.weekday.values(name) and (day.day - 1) // 7 + 1 == int(nth)
    if field.endswith("L"):
        return number in SIX.weekday.values(field[:-1]) and day.day + 7 > monthrange(day.year, day.month)[1]
    return number in SIX.weekday.values(field)
