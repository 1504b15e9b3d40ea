"""One field of a cron expression: its text, and the set of values that it stands for."""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from holdfast.errors import InvalidInputError

WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ITEM = re.compile(r"(\*|[0-9A-Z]+)(?:-([0-9A-Z]+))?(?:/([0-9]{1,4}))?")


@dataclass(frozen=True)
class Field:
    """`names` are the words for `first_name`, `first_name` + 1, …; `wraps` is the size of a field whose ranges may run
    over its end (Friday to Monday), 0 for the others; `open_steps` allows "5/15", which only EventBridge defines."""

    label: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0
    wraps: int = 0
    open_steps: bool = False

    def values(self, text: str) -> frozenset[int]:
        """What the field stands for; InvalidInputError `cron_invalid` that names the field and the part."""
        found: set[int] = set()
        for item in text.upper().split(","):
            found.update(self._item(item))
        return frozenset(value % self.wraps for value in found) if self.wraps else frozenset(found)

    @property
    def full(self) -> frozenset[int]:
        return self.values("*")

    def _item(self, item: str) -> list[int]:
        match = _ITEM.fullmatch(item)
        if match is None:
            raise self.wrong(item, "is no number, range, list or step")
        start, end, step_text = match.groups()
        step = self._step(step_text, item)
        if start == "*":
            if end is not None:
                raise self.wrong(item, "mixes * with a range")
            return list(range(self.low, self.high + 1, step))
        first = self._number(start)
        if end is not None:
            return self._range(first, self._number(end), step, item)
        if step_text is None:
            return [first]
        if not self.open_steps:
            raise self.wrong(item, "has a step without a range", f"write {start}-{self.high}/{step_text}")
        return list(range(first, self.high + 1, step))

    def _range(self, first: int, last: int, step: int, item: str) -> list[int]:
        if first <= last:
            return list(range(first, last + 1, step))
        if not self.wraps:
            raise self.wrong(item, "runs backwards", f"write {first}-{self.high},{self.low}-{last}")
        return list(range(first, first + (last - first) % self.wraps + 1, step))

    def _step(self, text: str | None, item: str) -> int:
        """A step beyond the field's size would fire at the first value only: not what "*/90" minutes means to say."""
        if text is None:
            return 1
        size = self.wraps or self.high - self.low + 1
        if not 1 <= int(text) <= size:
            raise self.wrong(
                item, f"has a step outside 1-{size}", 'for other intervals use rate, for example "90 minutes"'
            )
        return int(text)

    def _number(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.first_name
        if not text.isdecimal():
            raise self.wrong(text, "is no number and no three-letter name" if self.names else "is no number")
        # Four digits are enough for a year, and keep int() from work on nonsense.
        if len(text) > 4 or not self.low <= int(text) <= self.high:
            raise self.wrong(text, f"is outside {self.low}-{self.high}")
        return int(text)

    def wrong(self, part: str, why: str, hint: str = "") -> InvalidInputError:
        return InvalidInputError("cron_invalid", f"{self.label}: {part[:40]!r} {why}", hint=hint)


MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day of the month", 1, 31)
MONTH = Field("month", 1, 12, _MONTHS, first_name=1)
# crontab(5): 0 and 7 are both Sunday. EventBridge: 1 is Sunday, 7 is Saturday.
CRON_WEEKDAY = Field("day of the week", 0, 7, WEEKDAYS, wraps=7)


class SixFields(NamedTuple):
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    year: Field


# EventBridge's own.
SIX = SixFields(
    minute=replace(MINUTE, open_steps=True),
    hour=replace(HOUR, open_steps=True),
    day=replace(DAY, open_steps=True),
    month=replace(MONTH, open_steps=True),
    weekday=Field("day of the week", 1, 7, WEEKDAYS, first_name=1),
    year=Field("year", 1970, 2199, open_steps=True),
)


def days_exist(days: frozenset[int], months: frozenset[int], *, leap_year: bool) -> bool:
    """Whether one of the days is in one of the months."""
    longest = {2: 29 if leap_year else 28, 4: 30, 6: 30, 9: 30, 11: 30}
    return any(min(days) <= longest.get(month, 31) for month in months)
