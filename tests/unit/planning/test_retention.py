"""What retention may remove, for any history and any rule: never the newest verified backups, never what is held."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from builders.history import BEGIN, KINDS, entry, every, histories, ids, specs
from holdfast.models.backup import BackupEntry
from holdfast.models.retention import RetentionRule, RetentionSpec, Verdict
from holdfast.planning.retention import decide
from holdfast.planning.suspicion import suspicions
from holdfast.storage.base import LockState

NOW = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def judged(entries: list[BackupEntry], spec: RetentionSpec, now: datetime = NOW, current: str = "") -> list[Verdict]:
    return list(decide(entries, spec, now=now, current=current))


def removed(verdicts: list[Verdict]) -> set[str]:
    return {verdict.backup_id for verdict in verdicts if not verdict.keep}


def left(entries: list[BackupEntry], spec: RetentionSpec) -> list[BackupEntry]:
    gone = removed(judged(entries, spec))
    return [each for each in entries if each.backup_id not in gone]


@given(history=histories, spec=specs)
def test_the_floor_holds_for_each_kind(history: list[BackupEntry], spec: RetentionSpec) -> None:
    for kind in KINDS:
        verified = sorted(ids(each for each in history if each.state == "verified" and each.kind == kind))
        assert not removed(judged(history, spec)) & set(verified[-spec.keep_at_least :])


@given(history=histories, spec=specs)
def test_what_is_held_stays(history: list[BackupEntry], spec: RetentionSpec) -> None:
    assert not removed(judged(history, spec)) & set(ids(each for each in history if each.held))


@given(history=histories, spec=specs)
def test_a_hold_costs_no_other_backup_its_place(history: list[BackupEntry], spec: RetentionSpec) -> None:
    free = [each.model_copy(update={"held": False}) for each in history]
    assert removed(judged(history, spec)) <= removed(judged(free, spec))


@given(history=histories, spec=specs)
def test_what_is_not_verified_pushes_no_verified_one_out(history: list[BackupEntry], spec: RetentionSpec) -> None:
    only_verified = [each for each in history if each.state == "verified"]
    assert removed(judged(history, spec)) & set(ids(only_verified)) == removed(judged(only_verified, spec))


@given(history=histories, spec=specs)
def test_without_a_verified_backup_nothing_goes(history: list[BackupEntry], spec: RetentionSpec) -> None:
    assert removed(judged([each for each in history if each.state != "verified"], spec)) == set()


@given(history=histories, spec=specs, seed=st.randoms(use_true_random=False))
def test_order_does_not_matter(history: list[BackupEntry], spec: RetentionSpec, seed: random.Random) -> None:
    shuffled = list(history)
    seed.shuffle(shuffled)
    assert judged(shuffled, spec) == judged(history, spec)


@given(history=histories, spec=specs)
def test_applying_twice_changes_nothing_more(history: list[BackupEntry], spec: RetentionSpec) -> None:
    assert removed(judged(left(history, spec), spec)) == set()


@given(history=histories, spec=specs, years=st.integers(-1, 1))
def test_a_clock_that_is_a_year_off_changes_nothing(
    history: list[BackupEntry], spec: RetentionSpec, years: int
) -> None:
    assert judged(history, spec, NOW + years * 365 * DAY) == judged(history, spec)


@given(history=histories, spec=specs, later=histories)
def test_a_paused_schedule_loses_nothing_to_the_backups_that_people_make(
    history: list[BackupEntry], spec: RetentionSpec, later: list[BackupEntry]
) -> None:
    """Applied once, and then again after whatever manual backups were made, however much later."""
    kept = left(history, spec)
    scheduled = {each.backup_id for each in kept if each.kind == "recurring" and each.state == "verified"}
    manual = [
        entry(each.taken_at + 900 * DAY, each.state, "manual", held=each.held)
        for each in later
        if each.kind == "manual"
    ]
    assert not removed(judged([*kept, *manual], spec)) & scheduled


@given(history=histories, days=st.integers(1, 30), floor=st.integers(2, 4))
def test_one_run_on_a_machine_whose_clock_is_years_ahead_costs_one_place_of_the_floor_and_ages_nothing_out(
    history: list[BackupEntry], days: int, floor: int
) -> None:
    verified = [each for each in history if each.state == "verified"]
    astray = entry(BEGIN + 3000 * DAY)
    gone = removed(judged([*verified, astray], RetentionSpec(keep_days=days, keep_at_least=floor)))
    assert gone <= removed(judged(verified, RetentionSpec(keep_days=days, keep_at_least=floor - 1)))


@given(history=histories, spec=specs, data=st.data())
def test_the_backup_of_the_run_stays(history: list[BackupEntry], spec: RetentionSpec, data: st.DataObject) -> None:
    for current in [data.draw(st.sampled_from(ids(history)))] if history else []:
        assert current not in removed(judged(history, spec, current=current))


@given(history=histories, spec=specs)
def test_every_entry_has_one_verdict_with_a_reason(history: list[BackupEntry], spec: RetentionSpec) -> None:
    verdicts = judged(history, spec)
    assert [verdict.backup_id for verdict in verdicts] == sorted(ids(history), reverse=True)
    assert all(verdict.reason for verdict in verdicts)


@given(history=histories, spec=specs)
def test_a_lock_that_has_not_ended_keeps_and_one_that_has_does_not(
    history: list[BackupEntry], spec: RetentionSpec
) -> None:
    going = removed(judged(history, spec))
    locks = {backup: LockState(mode="governance", until=NOW + DAY) for backup in going}
    kept = decide(history, spec, now=NOW, locks=locks)
    assert removed(list(kept)) == set()
    assert {each.reason for each in kept if each.backup_id in going} <= {"locked until 2027-01-02T00:00:00Z"}
    assert removed(list(decide(history, spec, now=NOW + DAY, locks=locks))) == going


def test_a_legal_hold_keeps_whatever_the_clock_says() -> None:
    history = every(DAY, 10)
    locks = {history[0].backup_id: LockState(held=True)}
    verdicts = decide(history, RetentionSpec(keep_last=5), now=NOW, locks=locks)
    assert (verdicts[-1].keep, verdicts[-1].reason) == (True, "under a legal hold")
    assert removed(list(verdicts)) == set(ids(history[1:5]))


def test_each_of_a_combination_keeps_its_own_and_the_reason_names_all_that_do() -> None:
    hourly = every(timedelta(hours=1), 24 * 100)
    spec = RetentionSpec(keep_last=2, keep_hourly=3, keep_daily=3, keep_weekly=2, keep_monthly=3, keep_at_least=1)
    kept = [verdict for verdict in judged(hourly, spec) if verdict.keep]
    assert [(verdict.backup_id[:11], verdict.kept_by) for verdict in kept] == [
        ("20260410T23", ("last", "hourly", "daily", "weekly", "monthly")),
        ("20260410T22", ("last", "hourly")),
        ("20260410T21", ("hourly",)),
        ("20260409T23", ("daily",)),
        ("20260408T23", ("daily",)),
        ("20260405T23", ("weekly",)),
        ("20260331T23", ("monthly",)),
        ("20260228T23", ("monthly",)),
    ]
    assert kept[1].reason == "recurring: one of the newest 2, the last of its hour"


def test_weeks_begin_on_monday_and_the_first_days_of_a_year_may_be_in_the_last_week_of_the_one_before() -> None:
    days = every(DAY, 14, begin=datetime(2026, 12, 24, tzinfo=UTC))
    kept = judged(days, RetentionSpec(keep_weekly=10, keep_at_least=1))
    assert [each.backup_id[:8] for each in kept if each.keep] == ["20270106", "20270103", "20261227"]


def test_ages_count_from_the_newest_backup_and_not_from_now() -> None:
    days = every(DAY, 40)
    kept = left(days, RetentionSpec(keep_days=7))
    assert ids(kept) == ids(days[-8:])


def test_hours_without_a_backup_use_up_no_place() -> None:
    sparse = every(30 * DAY, 10)
    kept = left(sparse, RetentionSpec(keep_hourly=6, keep_at_least=1))
    assert ids(kept) == ids(sparse[-6:])


def test_a_job_that_begins_again_after_a_year_ages_the_old_ones_out_when_as_many_new_ones_are_there() -> None:
    old = every(DAY, 10)
    new = every(DAY, 3, begin=BEGIN + 400 * DAY)
    spec = RetentionSpec(keep_days=14, keep_at_least=3)
    assert removed(judged([*old, *new[:2]], spec)) == set()
    assert removed(judged([*old, *new], spec)) == set(ids(old))


def test_manual_backups_have_a_rule_of_their_own_or_the_same_among_themselves() -> None:
    scheduled, manual = every(DAY, 10), every(DAY, 10, begin=BEGIN + timedelta(hours=1), kind="manual")
    both = [*scheduled, *manual]
    apart = RetentionSpec(keep_last=6, manual=RetentionRule(keep_last=4))
    assert removed(judged(both, apart)) == set(ids(scheduled[:4])) | set(ids(manual[:6]))
    assert removed(judged(both, RetentionSpec(keep_last=6))) == set(ids(scheduled[:4])) | set(ids(manual[:4]))


def test_a_leftover_goes_as_soon_as_a_verified_backup_is_newer() -> None:
    dead, running = entry(BEGIN, "unsealed"), entry(BEGIN + 3 * DAY, "unsealed")
    verified = entry(BEGIN + 2 * DAY)
    assert removed(judged([dead, verified, running], RetentionSpec())) == {dead.backup_id}


def test_unverified_and_damaged_ones_stay_for_a_while_to_be_looked_at() -> None:
    spec = RetentionSpec(unverified_days=7)
    sealed, damaged = entry(BEGIN, "sealed"), entry(BEGIN + DAY, "damaged")
    week = [sealed, damaged, entry(BEGIN + 7 * DAY), entry(BEGIN + 2 * DAY), entry(BEGIN + 3 * DAY)]
    assert removed(judged(week, spec)) == set()
    assert removed(judged([*week, entry(BEGIN + 8 * DAY)], spec)) == {sealed.backup_id}
    newer = entry(BEGIN + 30 * DAY, "damaged")
    assert newer.backup_id not in removed(judged([*week, newer], spec))


def test_a_suspicious_backup_keeps_every_verified_one_until_a_person_accepts_it() -> None:
    sound = every(DAY, 40)
    emptied = entry(BEGIN + 41 * DAY, live_keys=3)
    leftover = entry(BEGIN + timedelta(hours=1), "unsealed")
    history = [*sound, emptied, leftover]
    paused = decide(history, RetentionSpec(), now=NOW, findings=suspicions(history))
    assert removed(list(paused)) == {leftover.backup_id}
    assert paused[-1].reason.startswith(f"removal is paused: {emptied.backup_id}: 3 keys are left of the usual 1000")
    meant = [*sound, emptied.model_copy(update={"accepted": True}), leftover]
    accepted = decide(meant, RetentionSpec(), now=NOW, findings=suspicions(meant))
    assert len(removed(list(accepted))) == 12


def test_what_a_person_accepted_stays_while_it_is_the_newest_such() -> None:
    """Yearly backups of the larger cluster stay: without it the smaller ones would be suspicious again."""
    before = every(DAY, 400)
    first = entry(BEGIN + 400 * DAY, live_keys=90).model_copy(update={"accepted": True})
    second = entry(BEGIN + 401 * DAY, live_keys=90).model_copy(update={"accepted": True})
    after = [entry(BEGIN + days * DAY, live_keys=90) for days in range(402, 440)]
    spec = RetentionSpec(keep_last=5, keep_yearly=5)
    history = [*before, first, second, *after]
    verdicts = decide(history, spec, now=NOW, findings=suspicions(history))
    gone = removed(list(verdicts))
    assert first.backup_id in gone
    assert second.backup_id not in gone
    left = [each for each in history if each.backup_id not in gone]
    assert any(each.live_keys > 900 for each in left)
    assert suspicions(left) == ()
    assert suspicions([each for each in left if each != second]) != ()


def test_ten_thousand_backups_are_thinned_out_by_all_rules_together() -> None:
    many = every(timedelta(hours=1), 10_000)
    spec = RetentionSpec(keep_last=30, keep_days=90, keep_hourly=48, keep_daily=60, keep_weekly=52, keep_monthly=24)
    verdicts = judged(many, spec)
    assert 2000 < sum(verdict.keep for verdict in verdicts) < 2500
