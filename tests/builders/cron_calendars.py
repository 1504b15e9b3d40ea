"""Two small readings of cron, each from its own manual page and neither from Holdfast's code: what fires on which day,
and at which times of a day. They are slow and plain on purpose."""

from calendar import monthrange
from datetime import date, timedelta

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

type Times = set[tuple[int, int]]


def crontab_times(expression: str) -> Times:
    minute, hour, *_ = expression.split()
    return {(h, m) for h in range(24) for m in range(60) if _crontab(hour, h, 0, 23) and _crontab(minute, m, 0, 59)}


def crontab_days(expression: str, first: date, count: int) -> set[date]:
    """crontab(5): when both day fields are restricted (do not start with *) one is enough, else both must hold."""
    _, _, day_field, month_field, weekday_field = expression.upper().split()
    fires = set()
    for day in _dates(first, count):
        weekday = day.isoweekday() % 7
        by_day = _crontab(day_field, day.day, 1, 31)
        by_weekday = _crontab(weekday_field, weekday, 0, 7, _DAYS, 0) or (
            weekday == 0 and _crontab(weekday_field, 7, 0, 7, _DAYS, 0)
        )
        starred = day_field[0] == "*" or weekday_field[0] == "*"
        if _crontab(month_field, day.month, 1, 12, _MONTHS, 1) and (
            (by_day and by_weekday) if starred else (by_day or by_weekday)
        ):
            fires.add(day)
    return fires


def eventbridge_times(expression: str) -> Times:
    minute, hour, *_ = _six(expression)
    return {(h, m) for h in range(24) for m in range(60) if _eventbridge(hour, h, 23) and _eventbridge(minute, m, 59)}


def eventbridge_days(expression: str, first: date, count: int) -> set[date]:
    """User guide of EventBridge Scheduler: one day field is ?, 1 is Sunday, the year is the sixth field."""
    _, _, day_field, month_field, weekday_field, year_field = _six(expression)
    if (day_field == "?") == (weekday_field == "?"):
        raise AssertionError(f"EventBridge takes exactly one ?: {expression}")
    fires = set()
    for day in _dates(first, count):
        if day_field == "?":
            right_day = _eventbridge(weekday_field, day.isoweekday() % 7 + 1, 7, _DAYS)
        elif day_field == "L":
            right_day = day.day == monthrange(day.year, day.month)[1]
        else:
            right_day = _eventbridge(day_field, day.day, 31)
        if right_day and _eventbridge(month_field, day.month, 12, _MONTHS) and _eventbridge(year_field, day.year, 2199):
            fires.add(day)
    return fires


def _dates(first: date, count: int) -> list[date]:
    return [first + timedelta(days=offset) for offset in range(count)]


def _six(expression: str) -> list[str]:
    fields = expression.removeprefix("cron(").removesuffix(")").split(" ")
    if len(fields) != 6:
        raise AssertionError(f"not six fields: {expression}")
    return fields


def _crontab(field: str, value: int, low: int, high: int, names: list[str] | None = None, base: int = 0) -> bool:
    for item in field.upper().split(","):
        span, _, step = item.partition("/")
        start, _, end = span.partition("-")
        first = low if start == "*" else _number(start, names, base)
        last = high if start == "*" else _number(end, names, base) if end else first
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def _eventbridge(field: str, value: int, high: int, names: list[str] | None = None) -> bool:
    for item in field.split(","):
        if item == "*":
            return True
        span, slash, step = item.partition("/")
        start, _, end = span.partition("-")
        first = _number(start, names, 1)
        last = _number(end, names, 1) if end else high if slash else first
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def _number(text: str, names: list[str] | None, base: int) -> int:
    return names.index(text) + base if names and text in names else int(text)
