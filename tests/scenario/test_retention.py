"""Retention over a bucket that changes, refuses, lies and is cut short: what is planned is what goes, and no more."""

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from builders.history import BEGIN, entry, every, ids
from builders.machine import BackupMachine
from builders.services import START, Clock, MemoryServices
from builders.stored_history import CLUSTER, Killed, keeping, mortal, store, then
from holdfast.engine.catalog import list_backups, look_at_objects
from holdfast.engine.retention import AT_ONCE, Applied, apply_retention, plan_retention
from holdfast.engine.retention_seen import ONE_BY_ONE
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.models.retention import RetentionPlan
from holdfast.planning.catalog_key import accept_key, catalog_key, catalog_prefix, hold_key
from holdfast.planning.naming import MANIFEST, SNAPSHOT, VERIFIED, backup_key, bundle_key
from holdfast.state.memory import MemoryLeases
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied, reset
from holdfast.storage.memory import MemoryBucket

DAY = timedelta(days=1)
OWNER = f"{CLUSTER}-retention-abcdef"
NOTHING = then()
days = functools.partial(every, DAY, cluster=CLUSTER)
one = functools.partial(entry, cluster=CLUSTER)


def planned(services: MemoryServices) -> RetentionPlan:
    return plan_retention(services, CLUSTER).plan


def going(services: MemoryServices) -> list[str]:
    return [verdict.backup_id for verdict in planned(services).removals]


def applied(services: MemoryServices, progress: Callable[[int, int], None] = NOTHING) -> Applied:
    return apply_retention(services, CLUSTER, digest=planned(services).digest, owner=OWNER, progress=progress)


def listed(services: MemoryServices) -> list[str]:
    return sorted(ids(list_backups(services.bucket, CLUSTER)))


def there(services: MemoryServices) -> list[str]:
    return sorted(ids(look_at_objects(services.bucket, CLUSTER)))


def remove_all(services: MemoryServices, backup: str) -> None:
    for key in [key for key in services.bucket.objects if backup in key]:
        del services.bucket.objects[key]


def test_what_the_plan_says_goes_with_all_that_belongs_to_it_and_nothing_else() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    assert going(services) == ids(backups[:2])
    done = applied(services)
    assert (list(done.removed), done.spared, done.freed) == (ids(backups[:2]), (), 2)
    assert listed(services) == there(services) == ids(backups[2:])
    assert {key.split("/")[1] for key in services.secrets.objects} == set(ids(backups[2:]))
    assert not [key for key in services.bucket.objects if any(backup in key for backup in ids(backups[:2]))]
    assert services.leases.holder(CLUSTER) is None
    assert applied(services).removed == ()


def test_a_plan_that_is_another_one_by_now_is_refused_and_nothing_is_touched() -> None:
    services = keeping(*days(6), keep_last=4)
    digest = planned(services).digest
    store(services, [one(BEGIN + 9 * DAY)])
    before = dict(services.bucket.objects)
    with pytest.raises(RefusedError, match="retention_plan_changed"):
        apply_retention(services, CLUSTER, digest=digest, owner=OWNER)
    assert services.bucket.objects == before
    assert services.leases.holder(CLUSTER) is None


def test_a_new_backup_that_changes_nothing_of_what_goes_changes_no_plan() -> None:
    services = keeping(*days(6), keep_days=4)
    digest = planned(services).digest
    store(services, [one(BEGIN + 5 * DAY, kind="manual")])
    done = apply_retention(services, CLUSTER, digest=digest, owner=OWNER)
    assert list(done.removed) == ids(days(1))


def test_two_at_once_are_one_and_a_refusal() -> None:
    services = keeping(*days(6), keep_last=4)
    refused: list[str] = []

    def second() -> None:
        with pytest.raises(RefusedError, match="lease_held") as error:
            apply_retention(services, CLUSTER, digest=planned(services).digest, owner="another")
        refused.append(error.value.code)

    assert len(applied(services, then(second)).removed) == 2
    assert refused == ["lease_held"]


def test_whoever_loses_the_lease_removes_nothing_more() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=3)

    def taken_over() -> None:
        services.leases.release(CLUSTER, OWNER)
        services.leases.acquire(CLUSTER, "a-run", now=services.clock(), expires_at=services.clock() + DAY)

    with pytest.raises(RefusedError, match="lease_lost"):
        applied(services, then(taken_over))
    assert listed(services) == ids(backups[1:])
    assert services.leases.holder(CLUSTER) == "a-run"


@pytest.mark.parametrize("left", [(), (MANIFEST,), (SNAPSHOT,)])
def test_a_backup_that_counts_and_is_not_there_any_more_lets_an_older_one_stay_in_its_place(
    left: tuple[str, ...],
) -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    for name in (MANIFEST, SNAPSHOT, VERIFIED, "runbook.md"):
        if name not in left:
            services.bucket.objects.pop(backup_key(CLUSTER, backups[-2].backup_id, name))
    assert going(services) == ids(backups[:1])
    verdicts = {each.backup_id: each for each in planned(services).verdicts}
    assert (verdicts[backups[-2].backup_id].state, verdicts[backups[-2].backup_id].keep) == ("damaged", True)


def test_a_backup_with_a_snapshot_of_another_size_is_none() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    services.bucket.put(backup_key(CLUSTER, backups[-1].backup_id, SNAPSHOT), b"more than there was")
    assert going(services) == ids(backups[:1])


def test_when_all_that_count_are_gone_in_turn_the_ones_that_are_there_stay() -> None:
    backups = days(200)
    services = keeping(*backups, keep_last=4)
    for each in backups[40:]:
        services.bucket.objects.pop(backup_key(CLUSTER, each.backup_id, SNAPSHOT))
    kept = {each.backup_id for each in planned(services).verdicts if each.keep and each.state == "verified"}
    assert kept == set(ids(backups[36:40]))


@pytest.mark.parametrize("number", [6, ONE_BY_ONE + 9])
def test_a_lost_catalogue_loses_no_backup(number: int) -> None:
    backups = days(number)
    services = keeping(*backups, one(BEGIN - DAY, "unsealed"), keep_last=4)
    before = going(services)
    for key in [key for key in services.bucket.objects if key.startswith(catalog_prefix(CLUSTER))]:
        del services.bucket.objects[key]
    assert listed(services) == []
    assert going(services) == before == [one(BEGIN - DAY).backup_id, *ids(backups[:-4])]


@pytest.mark.parametrize("call", range(1, 21))
def test_a_listing_that_is_refused_is_an_error_and_never_no_backups(call: int) -> None:
    backups = days(6)
    services = keeping(*backups, one(BEGIN + timedelta(hours=1), "unsealed"), keep_last=4)
    digest = planned(services).digest
    services.store = FaultyBucket(services.bucket, [Fault("list", access_denied, call=call, times=1000)])
    with pytest.raises(PermanentError, match="storage_access_denied"):
        apply_retention(services, CLUSTER, digest=digest, owner=OWNER)
    assert set(ids(backups[2:])) <= set(there(services))
    assert services.leases.holder(CLUSTER) is None


def test_a_refused_listing_of_the_secrets_is_an_error_too() -> None:
    services = keeping(*days(6), keep_last=4)

    def refused(_prefix: str) -> object:
        raise access_denied()

    services.secrets.folders = refused  # type: ignore[assignment]
    with pytest.raises(PermanentError, match="storage_access_denied"):
        planned(services)


FOREIGN = (
    "README.md",
    "2026-notes.txt",
    "20260101T000000Z-r-nothex/manifest.json",
    "catalog/notes.txt",
    "catalog/20260101T000000Z-r-ffffff.x.1.1.1.-",
    "runs/some-run/plan.json",
)


def test_what_is_none_of_ours_is_never_touched_and_no_backup() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    in_a_backup = backup_key(CLUSTER, backups[0].backup_id, "notes.txt")
    deeper = backup_key(CLUSTER, backups[0].backup_id, "old/manifest.json")
    alone = f"{CLUSTER}/20260101T000000Z-r-eeeeee/notes.txt"
    foreign = {*(f"{CLUSTER}/{name}" for name in FOREIGN), in_a_backup, deeper, alone}
    others = days(3)
    for cluster in ("prod", "prod-10", "prod-1-a"):
        store(services, [each.model_copy(update={"cluster_id": cluster}) for each in others])
    for key in foreign:
        services.bucket.put(key, b"mine")
    hers = f"{CLUSTER}/{backups[0].backup_id}/n1/notes.txt"
    services.secrets.put(hers, b"mine")
    services.secrets.put(f"{CLUSTER}/20260101T000000Z-r-eeeeee/n1/notes.txt", b"mine")
    before = set(services.bucket.objects)
    secrets = set(services.secrets.objects)
    assert len(applied(services).removed) == 2
    assert foreign <= set(services.bucket.objects)
    assert all(key.startswith(f"{CLUSTER}/") for key in before - set(services.bucket.objects))
    assert {key.rsplit("/")[-1] for key in secrets - set(services.secrets.objects)} == {
        "bundle.tar",
        "certificates.pem",
    }
    assert going(services) == []
    assert planned(services).orphans == ()


def test_a_manifest_that_does_not_parse_stops_nothing_and_is_removed_like_any_other() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    for each in (backups[0], backups[4]):
        services.bucket.put(backup_key(CLUSTER, each.backup_id, MANIFEST), b"{ not JSON")
    assert list(applied(services).removed) == ids(backups[:2])


def test_killed_before_any_key_nothing_that_is_listed_is_missing_and_the_next_run_finishes_it() -> None:
    history = [*days(6), one(BEGIN + timedelta(hours=1), "unsealed"), one(BEGIN + timedelta(hours=2), "sealed")]
    rule: dict[str, Any] = {"keep_last": 4, "unverified_days": 2}
    countdown = mortal(whole := keeping(*history, **rule))
    applied(whole)
    assert len(countdown.keys) > 30
    for number in range(len(countdown.keys)):
        services = keeping(*history, **rule)
        mortal(services).left = number
        with pytest.raises(Killed):
            applied(services)
        real = {each.backup_id: each.state for each in look_at_objects(services.bucket, CLUSTER)}
        assert all(real.get(each.backup_id) == each.state for each in list_backups(services.bucket, CLUSTER))
        # The function that died gave no lease back.
        services.leases = MemoryLeases()
        applied(services)
        assert services.bucket.objects.keys() == whole.bucket.objects.keys(), countdown.keys[number]
        assert services.secrets.objects.keys() == whole.secrets.objects.keys(), countdown.keys[number]


@pytest.mark.parametrize("call", range(1, 7))
def test_a_delete_that_fails_gives_the_lease_back_and_the_next_run_finishes_it(call: int) -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    services.store = FaultyBucket(services.bucket, [Fault("remove", reset, call=call)])
    with pytest.raises(HoldfastError, match="storage_unavailable"):
        applied(services)
    assert services.leases.holder(CLUSTER) is None
    services.store = None
    applied(services)
    assert listed(services) == there(services) == ids(backups[2:])


def test_a_hold_that_comes_in_between_is_seen() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=3)
    second = backups[1].backup_id
    done = applied(services, then(lambda: services.bucket.put(hold_key(CLUSTER, second), b"")))
    assert list(done.removed) == [backups[0].backup_id, backups[2].backup_id]
    assert [(each.backup_id, each.reason) for each in done.spared] == [(second, "held by a person meanwhile")]
    assert second in listed(services)


@pytest.mark.parametrize("name", [MANIFEST, SNAPSHOT])
def test_a_lock_that_comes_in_between_is_seen_on_whatever_object_it_is(name: str) -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=3)
    key, until = backup_key(CLUSTER, backups[1].backup_id, name), services.clock() + DAY
    done = applied(services, then(lambda: services.bucket.lock(key, "compliance", until)))
    assert [each.reason for each in done.spared] == [f"locked until {until:%Y-%m-%dT%H:%M:%SZ}"]
    assert there(services) == [backups[1].backup_id, *ids(backups[3:])]


def test_locked_backups_are_told_and_go_when_the_lock_ends() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    until = services.clock() + DAY
    services.bucket.lock(backup_key(CLUSTER, backups[0].backup_id, SNAPSHOT), "governance", until)
    services.secrets.hold(bundle_key(CLUSTER, backups[1].backup_id, "n1"))
    oldest = planned(services).verdicts[-1]
    assert (oldest.keep, oldest.reason) == (True, f"locked until {until:%Y-%m-%dT%H:%M:%SZ}")
    done = applied(services)
    assert (done.removed, [each.reason for each in done.spared]) == ((), ["under a legal hold"])
    services.clock.advance(2 * DAY)
    services.secrets.release(bundle_key(CLUSTER, backups[1].backup_id, "n1"))
    assert list(applied(services).removed) == ids(backups[:2])


def test_a_lock_that_nobody_saw_spares_the_backup_and_fails_nothing() -> None:
    """One that the store alone knows, as a rule of the bucket may make it."""
    backups = days(6)
    services = keeping(*backups, keep_last=4)
    services.secrets.lock(bundle_key(CLUSTER, backups[0].backup_id, "n1"), "compliance", services.clock() + DAY)
    services.secrets.lock_state = services.bucket.lock_state  # type: ignore[method-assign]
    done = applied(services)
    assert list(done.removed) == ids(backups[1:2])
    assert "object lock" in done.spared[0].reason
    verdict = planned(services).removals[0]
    assert (verdict.backup_id, verdict.state) == (backups[0].backup_id, "unsealed")
    assert "object lock" in applied(services).spared[0].reason
    services.clock.advance(2 * DAY)
    assert list(applied(services).removed) == ids(backups[:1])
    assert {key.split("/")[1] for key in services.secrets.objects} == set(ids(backups[2:]))


def test_a_backup_that_the_plan_counts_on_and_that_vanishes_ends_it() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=3)
    with pytest.raises(RefusedError, match="retention_plan_changed"):
        applied(services, then(lambda: remove_all(services, backups[-1].backup_id)))
    assert there(services) == ids(backups[1:-1])


def test_one_that_was_to_go_and_is_gone_already_is_no_error() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=3)
    applied(services, then(lambda: remove_all(services, backups[1].backup_id)))
    assert there(services) == listed(services) == ids(backups[3:])


def test_a_backup_that_comes_in_between_is_left_alone() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=3)
    new = one(BEGIN + 9 * DAY)
    applied(services, then(lambda: store(services, [new])))
    assert listed(services) == [*ids(backups[3:]), new.backup_id]


def test_one_that_was_verified_in_between_stays() -> None:
    sealed = one(BEGIN + timedelta(hours=1), "sealed")
    services = keeping(*days(12), sealed, keep_last=11, unverified_days=2)
    verified = sealed.model_copy(update={"state": "verified"})
    done = applied(services, then(lambda: store(services, [verified])))
    assert [each.reason for each in done.spared] == ["it was sealed and is verified by now"]


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_is_a_year_off_plans_and_removes_the_same(years: int) -> None:
    backups = days(40)
    services = keeping(*backups, one(BEGIN, "sealed"), keep_days=14, keep_weekly=3)
    plan = planned(services)
    services.clock.advance(years * 365 * DAY)
    assert planned(services) == plan
    assert list(applied(services).removed) == [each.backup_id for each in plan.removals]


def test_a_clock_that_runs_ahead_of_the_stores_ends_no_lock_and_costs_no_backup_its_name() -> None:
    backups = days(6)
    services = keeping(keep_last=4)
    services.bucket = MemoryBucket(clock=Clock(services.clock()))
    store(services, backups)
    for name in (MANIFEST, SNAPSHOT, VERIFIED):
        key = backup_key(CLUSTER, backups[0].backup_id, name)
        services.bucket.lock(key, "compliance", services.clock() + 30 * DAY)
    services.clock.advance(365 * DAY)
    done = applied(services)
    assert [each.backup_id for each in done.spared] == ids(backups[:1])
    assert "object lock" in done.spared[0].reason
    assert listed(services) == there(services) == [backups[0].backup_id, *ids(backups[2:])]
    assert {each.state for each in look_at_objects(services.bucket, CLUSTER)} == {"verified"}


def test_names_in_the_catalogue_that_tell_less_than_others_go() -> None:
    backups = days(3)
    services = keeping(*backups)
    sealed = [catalog_key(each.model_copy(update={"state": "sealed"})) for each in backups]
    for key in sealed:
        services.bucket.put(key, b"")
    applied(services)
    assert not [key for key in sealed if key in services.bucket.objects]
    assert listed(services) == ids(backups)


def test_a_name_whose_backup_is_gone_is_damaged_until_it_goes_too() -> None:
    backups = days(12)
    services = keeping(*backups)
    for key in [key for key in services.bucket.objects if f"/{backups[0].backup_id}/" in key]:
        del services.bucket.objects[key]
    assert (planned(services).verdicts[-1].state, going(services)) == ("damaged", [backups[0].backup_id])
    applied(services)
    assert listed(services) == ids(backups[1:])


def test_an_acceptance_goes_with_its_backup_and_a_hold_keeps_both() -> None:
    accepted = one(BEGIN - DAY, accepted=True)
    held = one(BEGIN - 2 * DAY, accepted=True, held=True)
    services = keeping(held, accepted, *days(5), one(BEGIN + 5 * DAY, accepted=True), keep_last=6)
    assert list(applied(services).removed) == [accepted.backup_id]
    assert accept_key(CLUSTER, accepted.backup_id) not in services.bucket.objects
    assert accept_key(CLUSTER, held.backup_id) in services.bucket.objects


def test_retain_of_a_run_removes_so_many_at_most_and_the_next_run_goes_on() -> None:
    old = every(timedelta(hours=1), AT_ONCE + 20, begin=BEGIN, cluster=CLUSTER)
    # Without figures nothing is suspicious about a database of a few keys.
    services = keeping(*(each.model_copy(update={"raw_size": 0}) for each in old), keep_last=3)
    for hours, left in ((0, 21), (1, 3)):
        outcome = BackupMachine(services).execute(CLUSTER, START + timedelta(hours=hours))
        assert outcome.status == "succeeded"
        assert len(listed(services)) == left


def test_old_locks_do_not_keep_a_run_from_removing_what_is_newer() -> None:
    old = every(timedelta(hours=1), 3 * AT_ONCE, begin=BEGIN, cluster=CLUSTER)
    services = keeping(*(each.model_copy(update={"raw_size": 0}) for each in old), keep_last=3)
    for each in old[:AT_ONCE]:
        services.bucket.hold(backup_key(CLUSTER, each.backup_id, SNAPSHOT))
    BackupMachine(services).execute(CLUSTER, START)
    assert listed(services)[:-1] == [*ids(old[:AT_ONCE]), *ids(old[2 * AT_ONCE :])]


def test_a_run_over_an_emptied_cluster_succeeds_and_removes_no_verified_backup() -> None:
    sound = [each.model_copy(update={"live_keys": 900_000}) for each in days(40)]
    services = keeping(*sound, one(BEGIN + timedelta(hours=1), "unsealed"))
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert (outcome.status, len(listed(services))) == ("succeeded", 41)
    assert there(services) == listed(services)
    assert [finding.level for finding in planned(services).findings] == ["refuse"] * 3
