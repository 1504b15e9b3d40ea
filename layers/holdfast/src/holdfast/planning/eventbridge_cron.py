"""EventBridge's own six fields: minute, hour, day of the month, month, day of the week, year. Checked, not changed.

Source of the rules: EventBridge Scheduler user guide, "Schedule types", cron-based schedules. What it does not describe
is refused here rather than by AWS in the middle of `cluster apply`.
"""

import re

from holdfast.errors import InvalidInputError
from holdfast.planning.cron import never_fires
from holdfast.planning.cron_fields import SIX, days_exist

# EventBridge Scheduler API reference, CreateSchedule, ScheduleExpression.
_LONGEST_EXPRESSION = 256
_NEAREST_WEEKDAY = re.compile(r"([0-9]{1,2})W")
_LAST_OF_WEEKDAY = re.compile(r"([0-9A-Z]+)L")
_NTH_WEEKDAY = re.compile(r"([0-9A-Z]+)#([0-9]+)")


def check_six(text: str) -> str:
    """`cron(…)` of six fields, upper case and single spaces; InvalidInputError `cron_invalid` or `cron_never_fires`."""
    minute, hour, day, month, weekday, year = text.upper().split()
    SIX.minute.values(minute)
    SIX.hour.values(hour)
    months, years = SIX.month.values(month), SIX.year.values(year)
    if (day == "?") == (weekday == "?"):
        raise InvalidInputError(
            "cron_invalid",
            f"cron {text[:100]!r}: of the two fields for days, the third and the fifth, exactly one must be ?",
            hint="the sixth field is the year; there is no field for seconds",
        )
    if weekday != "?":
        _check_weekday(weekday)
    elif not days_exist(_days(day), months, leap_year=any(_is_leap(each) for each in years)):
        raise never_fires(text)
    expression = f"cron({minute} {hour} {day} {month} {weekday} {year})"
    if len(expression) > _LONGEST_EXPRESSION:
        raise InvalidInputError(
            "cron_invalid",
            f"cron {text[:100]!r} is longer than {_LONGEST_EXPRESSION} characters, which is all that EventBridge takes",
            hint="use ranges and steps instead of lists",
        )
    return expression


def _days(day: str) -> frozenset[int]:
    """The days that must exist in a month for it to fire; L and LW exist in every month."""
    if day in ("L", "LW"):
        return frozenset({1})
    nearest = _NEAREST_WEEKDAY.fullmatch(day)
    return SIX.day.values(nearest[1] if nearest else day)


def _check_weekday(weekday: str) -> None:
    if weekday == "L":
        return
    if "/" in weekday:
        raise SIX.weekday.wrong(
            weekday, "has a step, which EventBridge does not know here", "list the days: MON,WED,FRI"
        )
    last = _LAST_OF_WEEKDAY.fullmatch(weekday)
    nth = _NTH_WEEKDAY.fullmatch(weekday)
    if nth and not 1 <= int(nth[2]) <= 5:
        raise SIX.weekday.wrong(weekday, "counts outside 1-5: a month has at most five of a weekday")
    single = last or nth
    SIX.weekday.values(single[1] if single else weekday)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
