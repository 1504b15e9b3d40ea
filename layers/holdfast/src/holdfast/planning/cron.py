"""Five-field cron (crontab(5)) as EventBridge's six fields, firing at the same times, or refused with the reason."""

from holdfast.errors import InvalidInputError
from holdfast.planning.cron_fields import CRON_WEEKDAY, DAY, HOUR, MINUTE, MONTH, WEEKDAYS, Field, days_exist

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def not_convertible(text: str, why: str, hint: str) -> InvalidInputError:
    return InvalidInputError("cron_not_convertible", f"cron {text[:100]!r} {why}", hint=hint)


def never_fires(text: str) -> InvalidInputError:
    return InvalidInputError(
        "cron_never_fires",
        f"cron {text[:100]!r} names no date that exists",
        hint='for the last day of every month write "0 3 L * ? *" (minute hour L)',
    )


def expand_macro(text: str) -> str:
    """`@daily` as the five fields that it stands for; any other text as it is."""
    word = text.lower()
    if word in _MACROS:
        return _MACROS[word]
    if word == "@reboot":
        raise not_convertible(text, "is no time: a cluster that is backed up from outside has no boot", "use @daily")
    if word.startswith("@every"):
        raise not_convertible(text, "is an interval, not a cron", 'use rate, for example rate: "6 hours"')
    if word.startswith("@"):
        raise not_convertible(text, "is no known macro", "known are " + ", ".join(sorted(_MACROS)))
    return text


def five_to_six(text: str) -> str:
    """`cron(…)` for five fields. Weekdays come out as names, which mean the same to every reader.

    InvalidInputError `cron_invalid`, `cron_not_convertible` or `cron_never_fires`.
    """
    minute, hour, day, month, weekday = text.split()
    days, weekdays = _days(text, day, weekday)
    months = MONTH.values(month)
    if weekdays == "?" and not days_exist(DAY.values(day) if days != "*" else DAY.full, months, leap_year=True):
        raise never_fires(text)
    fields = (_render(MINUTE, minute), _render(HOUR, hour), days, _render(MONTH, month), weekdays, "*")
    return f"cron({' '.join(fields)})"


def _days(text: str, day: str, weekday: str) -> tuple[str, str]:
    """The two day fields for EventBridge, where one of them must be `?`.

    cron fires when either matches, if both are restricted; a field that starts with `*` is not restricted, and then
    both must match (cron(8), "The day of a command's execution"). What restricts nothing is therefore dropped, and two
    real restrictions have no EventBridge form.
    """
    every_day = DAY.values(day) == DAY.full
    every_weekday = CRON_WEEKDAY.values(weekday) == CRON_WEEKDAY.full
    both_must_match = day.startswith("*") or weekday.startswith("*")
    if every_day and every_weekday:
        return "*", "?"
    if (every_day or every_weekday) and not both_must_match:
        return "*", "?"
    if every_weekday:
        return _render(DAY, day), "?"
    if every_day:
        return "?", _weekdays(CRON_WEEKDAY.values(weekday))
    word = "and" if both_must_match else "or"
    raise not_convertible(
        text,
        f"restricts the day of the month {word} the day of the week; EventBridge can restrict only one of them",
        "keep one of the two fields and write * in the other; a cluster has one schedule, so for days that only both "
        "fields together describe, start the backup from outside on those days",
    )


def _weekdays(values: frozenset[int]) -> str:
    """{1, 2, 3, 4, 5} is "MON-FRI", {0, 5, 6} is "SUN,FRI,SAT"; runs start at Sunday and never cross it."""
    return _compact(values, WEEKDAYS)


def _render(field: Field, text: str) -> str:
    """EventBridge defines `*`, numbers, ranges, lists and `first/step`; everything else is spelled out."""
    values = field.values(text)
    if values == field.full:
        return "*"
    if text.startswith("*/") and "," not in text and len(values) > 1:
        return f"{field.low}/{text[2:]}"
    return _compact(values, ())


def _compact(values: frozenset[int], names: tuple[str, ...]) -> str:
    """A list of numbers or names in which three neighbours or more are a range."""
    parts: list[str] = []
    for first, last in _runs(values):
        numbers = range(first, last + 1)
        words = [names[number] if names else str(number) for number in numbers]
        parts += [f"{words[0]}-{words[-1]}"] if len(words) > 2 else words
    return ",".join(parts)


def _runs(values: frozenset[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for value in sorted(values):
        if runs and runs[-1][1] == value - 1:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    return runs
