"""Whether a backup is late by its schedule, whatever the clocks say, and what of that is told once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.specs import cluster_spec
from holdfast.errors import PermanentError, TransientError
from holdfast.models.freshness import Freshness, FreshnessReport
from holdfast.models.plan import Finding
from holdfast.planning.freshness import GRACE, MOST_MISSED, Seen, changes, codes, freshness, unknown

# A Saturday.
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAILY = {"cron": "0 3 * * *"}
MINUTE, HOUR, DAY, YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=365)
SUSPICION = Finding(level="refuse", code="backup_keys_fell", text="few")


def seen(taken_at: datetime, stored_at: datetime | None = None) -> Seen:
    return Seen("20261121T030000Z-r-1a2b3c", taken_at, stored_at or taken_at + 2 * MINUTE)


def looked(
    schedule: dict[str, Any] | None, *backups: Seen, now: datetime = NOW, suspicious: tuple[Finding, ...] = ()
) -> Freshness:
    return freshness(cluster_spec(schedule=schedule), backups, (), suspicious, now)


def at(hour: int, minute: int = 0, *, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_a_backup_of_the_last_firing_is_fresh() -> None:
    found = looked(DAILY, seen(at(3)))
    assert (found.state, found.missed, found.findings) == ("fresh", 0, ())
    assert (found.backup_id, found.at) == ("20261121T030000Z-r-1a2b3c", at(3))
    assert (found.age_s, found.expected_s) == (9 * 3600, 25 * 3600)


def test_a_firing_has_an_hour_until_its_backup_is_missed() -> None:
    assert looked(DAILY, seen(at(3, day=20)), now=at(3, 59)).state == "fresh"
    late = looked(DAILY, seen(at(3, day=20)), now=at(4))
    assert (late.state, late.missed, codes(late)) == ("stale", 1, ("backup_stale",))


def test_a_flexible_window_gives_more_time() -> None:
    schedule = DAILY | {"flexible_minutes": 120}
    assert looked(schedule, seen(at(3, day=20)), now=at(5, 59)).state == "fresh"
    assert looked(schedule, seen(at(3, day=20)), now=at(6)).state == "stale"


def test_every_missed_firing_is_counted() -> None:
    found = looked(DAILY, seen(at(3, day=11)))
    assert found.missed == 10
    assert "the schedule fired 10 times since" in found.findings[0].text


def test_a_count_that_says_no_more_ends() -> None:
    found = looked({"cron": "*/5 * * * *"}, seen(NOW - YEAR))
    assert found.missed == MOST_MISSED
    assert "1000 or more times" in found.findings[0].text


def test_one_failure_of_a_schedule_that_fires_often_is_not_told() -> None:
    assert looked({"cron": "*/15 * * * *"}, seen(NOW - 40 * MINUTE)).state == "fresh"
    assert looked({"cron": "*/15 * * * *"}, seen(NOW - 80 * MINUTE)).state == "stale"


def test_a_schedule_of_working_days_is_not_late_on_sunday() -> None:
    friday, sunday = at(3, day=20), at(23, day=22)
    assert looked({"cron": "0 3 * * MON-FRI"}, seen(friday), now=sunday).state == "fresh"
    assert looked({"cron": "0 3 * * MON-FRI"}, seen(friday), now=at(4, day=23)).state == "stale"


def test_a_backup_by_hand_counts_until_the_next_firing() -> None:
    assert looked(DAILY, seen(at(9))).state == "fresh"
    assert looked(DAILY, seen(at(2)), now=at(5)).state == "stale"


def test_a_rate_counts_from_the_last_backup() -> None:
    rate = {"rate": "6 hours"}
    assert looked(rate, seen(NOW - 6 * HOUR - 59 * MINUTE)).state == "fresh"
    late = looked(rate, seen(NOW - 13 * HOUR))
    assert (late.state, late.missed, late.expected_s) == ("stale", 2, 7 * 3600)


def test_a_paused_cluster_is_known_and_never_late() -> None:
    found = looked(DAILY | {"paused": True}, seen(NOW - YEAR))
    assert (found.state, found.missed, found.expected_s, found.findings) == ("paused", 0, None, ())
    assert looked(DAILY | {"paused": True}).findings == ()


def test_a_cluster_without_a_schedule_has_no_expectation() -> None:
    found = looked(None, seen(NOW - YEAR))
    assert (found.state, found.missed, found.expected_s, found.findings) == ("unscheduled", 0, None, ())
    assert looked(None).findings == ()


def test_a_schedule_without_any_verified_backup_is_told_from_the_first_moment() -> None:
    found = looked(DAILY)
    assert (found.state, found.backup_id, found.age_s, codes(found)) == ("never", None, None, ("never_backed_up",))


def test_suspicions_are_among_the_findings_and_make_nothing_late() -> None:
    found = looked(DAILY, seen(at(3)), suspicious=(SUSPICION,))
    assert (found.state, found.suspicious, found.findings) == ("fresh", True, (SUSPICION,))


def test_a_name_from_next_year_does_not_make_a_backup_young() -> None:
    """The run's clock was a year ahead: the store says when it really came."""
    ahead = seen(NOW + YEAR, stored_at=at(3, day=15))
    found = looked(DAILY, ahead, seen(at(3, day=14)))
    assert (found.state, found.at, codes(found)) == ("stale", at(3, day=15), ("backup_stale", "clock_suspect"))
    assert found.age_s == int((NOW - at(3, day=15)).total_seconds())


def test_a_younger_backup_beside_one_from_next_year_counts() -> None:
    found = looked(DAILY, seen(NOW + YEAR, stored_at=at(3, day=15)), seen(at(3)))
    assert (found.state, found.at, codes(found)) == ("fresh", at(3), ("clock_suspect",))


def test_a_clock_that_is_a_year_behind_finds_nothing_fresh() -> None:
    found = looked(DAILY, seen(at(3)), now=NOW - YEAR)
    assert (found.state, found.age_s, codes(found)) == ("unknown", 0, ("clock_suspect",))
    assert found.findings[0].level == "refuse"


def test_a_clock_that_is_a_year_ahead_finds_nothing_fresh() -> None:
    assert looked(DAILY, seen(at(3)), now=NOW + YEAR).state == "stale"


def test_a_copy_of_a_bucket_does_not_make_its_backups_younger() -> None:
    found = looked(DAILY, seen(at(3, day=1), stored_at=at(11)))
    assert (found.state, found.at, codes(found)) == ("stale", at(3, day=1), ("backup_stale",))


def test_a_little_skew_is_no_matter() -> None:
    assert looked(DAILY, seen(NOW + 10 * MINUTE, stored_at=NOW + 5 * MINUTE)).findings == ()


@given(
    age=st.timedeltas(timedelta(0), timedelta(days=3000)),
    cron=st.sampled_from(["0 3 * * *", "*/30 * * * *", "0 3 * * SUN", "0 3 1 * *"]),
    later=st.timedeltas(timedelta(0), timedelta(days=40)),
)
def test_what_is_late_stays_late_until_a_backup_comes(age: timedelta, cron: str, later: timedelta) -> None:
    backup = seen(NOW - age)
    before, after = looked({"cron": cron}, backup), looked({"cron": cron}, backup, now=NOW + later)
    assert before.missed <= after.missed
    assert (before.state, after.state) != ("stale", "fresh")
    longest = timedelta(days=32) + GRACE
    assert age <= longest or before.state == "stale"


def report(*clusters: Freshness) -> FreshnessReport:
    return FreshnessReport(checked_at=NOW, clusters=clusters)


STALE = looked(DAILY, seen(at(3, day=11)))
FRESH = looked(DAILY, seen(at(3)))


def test_what_was_told_is_not_told_again_however_old_it_grows() -> None:
    first = changes(report(STALE), {})
    assert first is not None
    assert (first.worse, first.cleared) == ((STALE,), ())
    older = looked(DAILY, seen(at(3, day=11)), now=NOW + 5 * DAY)
    assert changes(report(older), {"prod-1": ("backup_stale",)}) is None


def test_another_finding_of_the_same_cluster_is_told() -> None:
    both = looked(DAILY, seen(at(3, day=11)), suspicious=(SUSPICION,))
    found = changes(report(both), {"prod-1": ("backup_stale",)})
    assert found is not None
    assert found.worse == (both,)


def test_a_cluster_that_is_well_again_is_told_and_one_that_was_removed_too() -> None:
    found = changes(report(FRESH), {"prod-1": ("backup_stale",), "gone": ("backup_stale",)})
    assert found is not None
    assert (found.worse, found.cleared) == ((), ("gone", "prod-1"))


def test_nothing_to_report_is_not_told() -> None:
    assert changes(report(FRESH), {}) is None


def test_what_was_told_and_is_lost_is_told_again() -> None:
    assert changes(report(STALE), {}) == changes(report(STALE), {})
    assert changes(report(STALE), {}) is not None


@pytest.mark.parametrize("told", [{}, {"prod-1": ("backup_stale",)}])
def test_a_store_that_does_not_answer_once_changes_nothing(told: dict[str, tuple[str, ...]]) -> None:
    assert changes(report(unknown("prod-1", TransientError("storage_unavailable", "503"))), told) is None


def test_a_store_that_refuses_is_told() -> None:
    refused = unknown("prod-1", PermanentError("storage_access_denied", "s3://b/prod-1: no", hint="ask"))
    found = changes(report(refused), {"prod-1": ("backup_stale",)})
    assert found is not None
    assert (found.worse, found.cleared) == ((refused,), ())
    assert refused.state == "unknown"


def test_the_watch_for_another_release_is_no_schedule_that_a_backup_could_miss() -> None:
    nodes = {"kind": "ssm", "nodes": [{"name": "n1", "instance": "i-0123456789abcdef0"}]}
    spec = cluster_spec(driver="openshift", transport=nodes, schedule=None)
    assert spec.watched is not None
    assert freshness(spec, (seen(at(3, day=1)),), (), (), NOW).state == "unscheduled"
