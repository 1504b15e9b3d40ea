"""When a schedule of the embedded stack fires: rates, crons and single moments, through changes of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.local.plugin.expressions import UnsupportedExpressionError, next_due

BERLIN = ZoneInfo("Europe/Berlin")
CREATED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def due(expression: str, after: str, zone: str = "UTC") -> str | None:
    moment = next_due(expression, ZoneInfo(zone), CREATED, datetime.fromisoformat(after).replace(tzinfo=UTC))
    return moment.strftime("%Y-%m-%d %H:%M") if moment else None


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(0 3 * * ? *)", "2026-03-01 02:59", "2026-03-01 03:00"),
        ("cron(0 3 * * ? *)", "2026-03-01 03:00", "2026-03-02 03:00"),
        ("cron(*/20 * * * ? *)", "2026-03-01 10:21", "2026-03-01 10:40"),
        ("cron(5/15 10 * * ? *)", "2026-03-01 10:36", "2026-03-01 10:50"),
        ("cron(0 3 ? * MON-FRI *)", "2026-03-06 04:00", "2026-03-09 03:00"),
        ("cron(0 3 ? * 1 *)", "2026-03-02 00:00", "2026-03-08 03:00"),  # 1 is Sunday
        ("cron(0 3 ? * FRI-MON *)", "2026-03-02 04:00", "2026-03-06 03:00"),
        ("cron(0 22-2/2 * * ? *)", "2026-03-01 22:30", "2026-03-02 00:00"),
        ("cron(0 3 L * ? *)", "2026-02-27 00:00", "2026-02-28 03:00"),
        ("cron(0 3 1,15 JAN,jul ? *)", "2026-02-01 00:00", "2026-07-01 03:00"),
        ("cron(0 0 29 2 ? *)", "2026-03-01 00:00", "2028-02-29 00:00"),
        ("cron(0 0 1 1 ? 2027)", "2026-03-01 00:00", "2027-01-01 00:00"),
        ("cron(0 0 1 1 ? 2025)", "2026-03-01 00:00", None),
        ("rate(1 hour)", "2026-03-01 09:59", "2026-03-01 10:00"),
        ("rate(1 hour)", "2026-03-01 10:00", "2026-03-01 11:00"),
        ("rate(5 minutes)", "2026-03-01 10:12", "2026-03-01 10:15"),
        ("at(2026-04-01T12:30:00)", "2026-03-01 10:00", "2026-04-01 12:30"),
        ("at(2026-02-01T12:30:00)", "2026-03-01 10:00", None),
    ],
)
def test_an_expression_is_due_next_when_aws_would_fire_it(expression: str, after: str, expected: str | None) -> None:
    assert due(expression, after) == expected


def test_a_time_zone_moves_the_moment_with_the_season() -> None:
    assert due("cron(0 3 * * ? *)", "2026-01-10 00:00", "Europe/Berlin") == "2026-01-10 02:00"
    assert due("cron(0 3 * * ? *)", "2026-07-10 00:00", "Europe/Berlin") == "2026-07-10 01:00"


def test_a_local_time_that_the_clock_change_skips_is_left_out() -> None:
    assert due("cron(30 2 * * ? *)", "2026-03-28 12:00", "Europe/Berlin") == "2026-03-30 00:30"


def test_a_local_time_that_the_clock_change_repeats_happens_once() -> None:
    first = next_due("cron(30 2 * * ? *)", BERLIN, CREATED, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first is not None
    second = next_due("cron(30 2 * * ? *)", BERLIN, CREATED, first)
    assert second is not None

    assert (first, second.date()) == (
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, tzinfo=UTC).date(),
    )


@pytest.mark.parametrize(
    "expression",
    [
        "every day",
        "rate(0 hours)",
        "rate(5 fortnights)",
        "cron(0 3 * * *)",
        "cron(0 3 * * * *)",
        "cron(0 3 ? * ? *)",
        "cron(60 3 * * ? *)",
        "cron(0 32 * * ? *)",
        "cron(0 3 15W * ? *)",
        "cron(0 3 ? * 6#3 *)",
        "cron(*/0 3 * * ? *)",
    ],
)
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedExpressionError):
        due(expression, "2026-03-01 00:00")


@given(
    after=st.integers(0, 4 * 366 * 24 * 60).map(lambda minutes: CREATED + timedelta(minutes=minutes)),
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
)
def test_a_daily_cron_is_later_than_asked_and_within_two_days(after: datetime, minute: int, hour: int) -> None:
    moment = next_due(f"cron({minute} {hour} * * ? *)", BERLIN, CREATED, after)

    assert moment is not None
    assert 0 < (moment - after).total_seconds() <= 49 * 3600
    assert (moment.astimezone(BERLIN).hour, moment.astimezone(BERLIN).minute) == (hour, minute)
