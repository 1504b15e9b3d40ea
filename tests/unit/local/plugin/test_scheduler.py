"""The clock of the embedded scheduler at times that a test chooses: what fires, when, and how often."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.local.plugin.scheduler import Clock, Firing, filled_input

NOW = datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)


@dataclass(frozen=True)
class StoredSchedule:
    """The attributes of moto's Schedule that the clock reads."""

    schedule_expression: str
    last_modified_date: float = NOW.timestamp()
    state: str | None = "ENABLED"
    schedule_expression_timezone: str = "UTC"
    start_date: str | None = None
    end_date: str | None = None
    arn: str = "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/a"
    target: dict[str, Any] = field(default_factory=dict)


def fired(clock: Clock, schedule: StoredSchedule, *seconds: float) -> list[str]:
    """The due times of what fires when the clock ticks so many seconds after NOW."""
    return [
        f"{firing.due:%H:%M:%S}"
        for second in seconds
        for firing in clock.tick([("eu-west-1", schedule)], NOW + timedelta(seconds=second))
    ]


def test_a_rate_fires_at_its_creation_and_then_at_its_interval() -> None:
    schedule = StoredSchedule("rate(1 minute)")

    assert fired(Clock(), schedule, 0, 0.2, 30, 59.4, 59.6, 60, 119.6) == ["10:00:00", "10:01:00", "10:02:00"]


def test_a_clock_that_slept_fires_once_and_goes_on() -> None:
    assert fired(Clock(), StoredSchedule("rate(1 minute)"), 0, 600, 601, 660) == ["10:00:00", "10:01:00", "10:11:00"]


def test_a_rate_with_a_start_date_waits_for_it() -> None:
    schedule = StoredSchedule("rate(1 minute)", start_date="2026-03-01T10:00:30Z")

    assert fired(Clock(), schedule, 0, 20, 29.6, 80, 89.6) == ["10:00:30", "10:01:30"]


def test_nothing_fires_after_the_end_date() -> None:
    schedule = StoredSchedule("rate(1 minute)", end_date="2026-03-01T10:01:30Z")

    assert fired(Clock(), schedule, 0, 60, 120, 180) == ["10:00:00", "10:01:00"]


def test_a_disabled_schedule_does_not_fire_until_it_is_enabled() -> None:
    clock, disabled = Clock(), StoredSchedule("rate(1 minute)", state="DISABLED")
    enabled = replace(disabled, state="ENABLED", last_modified_date=NOW.timestamp() + 90)

    assert fired(clock, disabled, 0, 60) == []
    assert fired(clock, enabled, 90) == ["10:01:30"]


def test_an_update_is_worked_out_anew() -> None:
    clock = Clock()
    changed = StoredSchedule("cron(5 10 * * ? *)", last_modified_date=NOW.timestamp() + 10)

    assert fired(clock, StoredSchedule("rate(1 hour)"), 0) == ["10:00:00"]
    assert fired(clock, changed, 10, 299.6) == ["10:05:00"]


def test_an_at_schedule_fires_once() -> None:
    assert fired(Clock(), StoredSchedule("at(2026-03-01T10:00:10)"), 0, 10, 11, 100) == ["10:00:10"]


def test_an_expression_that_is_not_understood_stops_nobody_else() -> None:
    broken, sound = StoredSchedule("cron(0 3 15W * ? *)", arn="broken"), StoredSchedule("rate(1 hour)", arn="sound")
    firings = Clock().tick([("eu-west-1", broken), ("eu-west-1", sound)], NOW)

    assert [firing.arn for firing in firings] == ["sound"]


def test_an_unknown_time_zone_stops_nobody_else() -> None:
    broken = StoredSchedule("rate(1 hour)", schedule_expression_timezone="Middle/Earth")

    assert fired(Clock(), broken, 0) == []


def test_a_deleted_schedule_is_forgotten() -> None:
    clock, schedule = Clock(), StoredSchedule("rate(1 hour)")
    assert fired(clock, schedule, 0) == ["10:00:00"]
    assert clock.tick([], NOW) == []

    assert fired(clock, schedule, 1) == ["10:00:00"]  # made again: it is new


def test_keywords_in_the_input_are_replaced_as_aws_writes_them() -> None:
    firing = Firing("the-arn", "eu-west-1", {}, datetime(2022, 3, 22, 18, 59, 43, tzinfo=UTC))
    names = ("scheduled-time", "schedule-arn", "execution-id", "attempt-number")
    text = " ".join(f"<aws.scheduler.{name}>" for name in names)

    assert filled_input(text, firing, "abc", 2) == "2022-03-22T18:59:43Z the-arn abc 2"
