"""When a schedule fires, held against slow readings of EventBridge's own pages, and at the edges of the calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.cron_calendars import eventbridge_days, eventbridge_times
from holdfast.planning.firings import Cron, Rate, parse_expression

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def cron(expression: str, timezone: str = "UTC") -> Cron:
    parsed = parse_expression(f"cron({expression})", timezone)
    assert isinstance(parsed, Cron)
    return parsed


def firings(schedule: Cron, after: datetime, until: datetime) -> list[str]:
    """Every firing in (after, until], the newest first, found with `last` alone."""
    found = []
    while (moment := schedule.last(until)) is not None and moment > after:
        found.append(f"{moment:%m-%d %H:%M}")
        until = moment - timedelta(minutes=1)
    return found


FIELDS = (
    ("0", "15,45", "0/20"),
    ("3", "*", "0/6"),
    ("?", "1", "L", "10-12", "*"),
    ("*", "2", "JAN,MAR"),
    ("MON-FRI", "1"),
)


@settings(max_examples=60, deadline=None)
@given(
    minute=st.sampled_from(FIELDS[0]),
    hour=st.sampled_from(FIELDS[1]),
    day=st.sampled_from(FIELDS[2]),
    month=st.sampled_from(FIELDS[3]),
    weekday=st.sampled_from(FIELDS[4]),
    first=st.dates(date(2026, 1, 1), date(2028, 3, 1)),
)
def test_it_fires_when_the_manual_says(minute: str, hour: str, day: str, month: str, weekday: str, first: date) -> None:
    expression = f"{minute} {hour} {day} {month} {weekday if day == '?' else '?'} *"
    days = sorted(eventbridge_days(expression, first, 20))
    wanted = [datetime(each.year, each.month, each.day, h, m, tzinfo=UTC) for each in days
              for h, m in sorted(eventbridge_times(expression))]  # fmt: skip
    after = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(minutes=1)
    until = after + timedelta(days=20)
    assert cron(expression).count(after, until, most=10_000) == len(wanted)
    if wanted:
        assert cron(expression).last(until) == wanted[-1]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("0 3 LW * ? *", ["10-30 03:00", "09-30 03:00", "08-31 03:00"]),
        ("0 3 15W * ? *", ["11-16 03:00", "10-15 03:00", "09-15 03:00", "08-14 03:00"]),
        ("0 3 1W * ? *", ["11-02 03:00", "10-01 03:00", "09-01 03:00", "08-03 03:00"]),
        ("0 3 31W * ? *", ["10-30 03:00", "08-31 03:00"]),
        ("0 3 ? * 6L *", ["10-30 03:00", "09-25 03:00", "08-28 03:00"]),
        ("0 3 ? * MON#2 *", ["11-09 03:00", "10-12 03:00", "09-14 03:00", "08-10 03:00"]),
        ("0 3 ? 11 L *", ["11-21 03:00", "11-14 03:00", "11-07 03:00"]),
    ],
)
def test_the_special_days_of_eventbridge(expression: str, wanted: list[str]) -> None:
    assert firings(cron(expression), datetime(2026, 8, 1, tzinfo=UTC), NOW) == wanted


def test_the_29th_of_february_is_found_years_later() -> None:
    leap = cron("0 3 29 2 ? *")
    assert leap.last(NOW) == datetime(2024, 2, 29, 3, tzinfo=UTC)
    assert leap.last(datetime(2103, 1, 1, tzinfo=UTC)) == datetime(2096, 2, 29, 3, tzinfo=UTC)


def test_a_year_that_is_over_fires_no_more_and_one_to_come_not_yet() -> None:
    assert cron("0 3 * * ? 2025").last(NOW) == datetime(2025, 12, 31, 3, tzinfo=UTC)
    assert cron("0 3 * * ? 2030").last(NOW) is None
    assert cron("0 3 * * ? 2030").longest_gap(NOW) is None


def test_times_are_of_the_schedules_own_time_zone() -> None:
    berlin = cron("30 3 * * ? *", "Europe/Berlin")
    assert berlin.last(datetime(2026, 7, 1, 1, 30, tzinfo=UTC)) == datetime(2026, 7, 1, 1, 30, tzinfo=UTC)
    assert berlin.last(datetime(2026, 12, 1, 2, 29, tzinfo=UTC)) == datetime(2026, 11, 30, 2, 30, tzinfo=UTC)


def test_a_time_zone_ahead_of_utc_fires_on_its_own_day() -> None:
    assert cron("0 1 ? * MON *", "Asia/Tokyo").last(NOW) == datetime(2026, 11, 15, 16, 0, tzinfo=UTC)


def test_a_time_that_daylight_saving_leaves_out_does_not_fire() -> None:
    """In Berlin there is no 02:30 on 29 March 2026."""
    berlin = cron("30 2 * * ? *", "Europe/Berlin")
    first, until = datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)
    assert firings(berlin, first, until) == ["03-30 00:30", "03-28 01:30"]


def test_a_time_that_daylight_saving_repeats_fires_once() -> None:
    berlin = cron("30 2 * * ? *", "Europe/Berlin")
    first, until = datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    assert firings(berlin, first, until) == ["10-25 00:30"]


def test_a_count_ends_where_it_may() -> None:
    every_five = cron("0/5 * * * ? *")
    assert every_five.count(NOW - timedelta(hours=1), NOW, most=1000) == 12
    assert every_five.count(NOW - timedelta(days=400), NOW, most=1000) == 1000
    assert every_five.count(NOW, NOW, most=1000) == 0


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("0 3 * * ? *", 24),
        ("0 0/6 * * ? *", 6),
        ("0 3,4 * * ? *", 23),
        ("0 3 ? * MON-FRI *", 72),
        ("0 3 ? * SUN *", 7 * 24),
        ("0 3 1 * ? *", 31 * 24),
        ("0/15 * * * ? *", 0.25),
    ],
)
def test_the_longest_gap_between_two_firings(expression: str, hours: float) -> None:
    assert cron(expression).longest_gap(NOW) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("expression", "interval"),
    [("rate(1 hour)", timedelta(hours=1)), ("rate(90 minutes)", timedelta(minutes=90)), ("rate(2 days)", timedelta(2))],
)
def test_a_rate_is_an_interval(expression: str, interval: timedelta) -> None:
    assert parse_expression(expression, "UTC") == Rate(interval)
