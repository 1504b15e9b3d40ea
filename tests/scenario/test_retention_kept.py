"""What retention could take by mistake, when something else than a backup's age is what happened to it."""

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from builders.history import BEGIN, entry, every, ids
from builders.machine import BackupMachine
from builders.services import START, Clock, MemoryServices
from builders.stored_history import CLUSTER, keeping, store, then
from holdfast.engine.catalog import list_backups, look_at_objects, read_catalog
from holdfast.engine.holding import hold
from holdfast.engine.indexing import index
from holdfast.engine.removal import ASKED, remove_unless_spared
from holdfast.engine.retention import AT_ONCE, TRIES, Applied, apply_retention, plan_retention
from holdfast.engine.retention_seen import ONE_BY_ONE
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.retention import RetentionPlan
from holdfast.planning.catalog_key import catalog_key
from holdfast.planning.naming import MANIFEST, SNAPSHOT, backup_key, bundle_key
from holdfast.storage.base import LockState, ObjectInfo
from holdfast.storage.memory import MemoryBucket

DAY = timedelta(days=1)
OWNER = f"{CLUSTER}-retention-abcdef"
NOTHING = then()
days = functools.partial(every, DAY, cluster=CLUSTER)
one = functools.partial(entry, cluster=CLUSTER)


def planned(services: MemoryServices) -> RetentionPlan:
    return plan_retention(services, CLUSTER).plan


def applied(services: MemoryServices, progress: Callable[[int, int], None] = NOTHING) -> Applied:
    return apply_retention(services, CLUSTER, digest=planned(services).digest, owner=OWNER, progress=progress)


def going(services: MemoryServices) -> list[str]:
    return [verdict.backup_id for verdict in planned(services).removals]


def test_secrets_whose_snapshots_are_all_gone_stay() -> None:
    """Somebody emptied the snapshots, which a versioned bucket still has, or the file names another bucket."""
    services = keeping(*days(9))
    services.bucket = MemoryBucket(clock=services.clock)
    before = set(services.secrets.objects)
    assert planned(services).orphans == ()
    store(services, [new := one(BEGIN + 30 * DAY)])
    applied(services)
    assert before <= set(services.secrets.objects)
    assert [finding.code for finding in planned(services).findings] == ["secrets_alone"]
    assert [each.backup_id for each in planned(services).verdicts] == [new.backup_id]


def test_without_a_verified_backup_no_secrets_go() -> None:
    services = keeping(one(BEGIN, "sealed"), one(BEGIN + 2 * DAY, "sealed"))
    services.secrets.put(bundle_key(CLUSTER, one(BEGIN + DAY).backup_id, "n1"), b"bundle")
    assert planned(services).orphans == ()


def test_an_index_does_not_make_a_leftover_of_a_backup_that_lost_its_manifest() -> None:
    """A versioned bucket may still have it; an unsealed one would go at once."""
    backups = days(6)
    services = keeping(*backups, keep_last=6)
    del services.bucket.objects[backup_key(CLUSTER, backups[4].backup_id, MANIFEST)]
    assert going(services) == []
    done = index(services, CLUSTER)
    assert (done.gone, [(each.backup_id, each.state) for each in done.written]) == (
        (),
        [(backups[4].backup_id, "damaged")],
    )
    assert going(services) == []
    assert index(services, CLUSTER).written == ()


def test_one_that_is_gone_when_the_plan_is_made_and_there_when_it_would_go_stays() -> None:
    """A person brings back the versions that a delete marker hid."""
    backups = days(12)
    services = keeping(*backups)
    objects = {key: body for key, body in services.bucket.objects.items() if f"/{backups[0].backup_id}/" in key}
    for key in objects:
        del services.bucket.objects[key]
    verdict = planned(services).removals[0]
    assert (verdict.backup_id, verdict.state) == (backups[0].backup_id, "damaged")
    services.bucket.objects.update(objects)
    assert remove_unless_spared(services, CLUSTER, verdict, services.clock()) != ""
    assert set(objects) <= set(services.bucket.objects)


def test_a_hold_that_comes_while_locks_are_asked_is_seen() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=5)
    verdict = planned(services).removals[0]
    ask = services.secrets.lock_state

    def holding(key: str) -> LockState:
        services.secrets.lock_state = ask  # type: ignore[method-assign]
        found = ask(key)
        hold(services, CLUSTER, verdict.backup_id)
        for each in [*services.bucket.objects, *services.secrets.objects]:
            for bucket in (services.bucket, services.secrets):
                if each in bucket.objects and verdict.backup_id in each:
                    bucket.release(each)
        return found

    services.secrets.lock_state = holding  # type: ignore[method-assign]
    assert remove_unless_spared(services, CLUSTER, verdict, services.clock()) == "held by a person meanwhile"
    assert verdict.backup_id in ids(list_backups(services.bucket, CLUSTER))


def test_one_that_the_catalogue_does_not_know_as_verified_is_not_taken_for_empty() -> None:
    """Its verification was recorded beside it, and killed before the catalogue heard of it: no figures are known."""
    backups = days(6)
    services = keeping(*backups, keep_last=6)
    newest = one(BEGIN + 9 * DAY)
    store(services, [newest])
    del services.bucket.objects[catalog_key(newest)]
    sealed = newest.model_copy(update={"state": "sealed", "live_keys": 0, "resources": ""})
    services.bucket.put(catalog_key(sealed), b"")
    # So many that are in no catalogue that all objects are looked at.
    store(services, many := every(timedelta(minutes=1), 60, begin=BEGIN - 9 * DAY, cluster=CLUSTER))
    for each in many:
        del services.bucket.objects[catalog_key(each)]
    assert planned(services).findings == ()


@pytest.mark.parametrize("kind", ["recurring", "manual"])
def test_one_backup_of_a_clock_that_is_ahead_does_not_hide_an_emptied_cluster(kind: str) -> None:
    sound = [each.model_copy(update={"live_keys": 900_000}) for each in days(40)]
    ahead = one(START + 365 * DAY, kind=kind, live_keys=900_000)  # type: ignore[arg-type]
    services = keeping(*sound, ahead)
    BackupMachine(services).execute(CLUSTER, START)
    assert len(list_backups(services.bucket, CLUSTER)) == 42
    assert [finding.level for finding in planned(services).findings] == ["refuse"] * 3


class Slow(MemoryBucket):
    """Every listing takes its time."""

    def __init__(self, clock: Clock, each: timedelta) -> None:
        super().__init__(clock=clock)
        self._moved, self._each = clock, each

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._moved.advance(self._each)
        return super().list(prefix)


def test_retain_of_a_run_ends_in_the_time_that_its_function_has_and_the_next_one_goes_on() -> None:
    old = every(timedelta(hours=1), 90, begin=BEGIN, cluster=CLUSTER)
    services = keeping(keep_last=3, keep_at_least=20)
    services.bucket = Slow(services.clock, timedelta(milliseconds=500))
    store(services, [each.model_copy(update={"raw_size": 0}) for each in old])
    began: dict[str, object] = {}
    machine = BackupMachine(services, on_phase=lambda name: began.__setitem__(name, services.clock.now))
    outcome = machine.execute(CLUSTER, START)
    took = began["Finished"] - began["Retain"]  # type: ignore[operator]
    assert outcome.status == "succeeded"
    assert took < timedelta(seconds=270)
    assert 30 < len(list_backups(services.bucket, CLUSTER)) < 90


def test_a_run_that_fails_after_its_backup_was_verified_says_that_the_backup_is_there() -> None:
    services = keeping()

    def refused(phase: str) -> None:
        if phase == "Retain":
            raise PermanentError("storage_access_denied", "no")

    outcome = BackupMachine(services, on_phase=refused).execute(CLUSTER, START)
    assert outcome.status == "failed"
    assert any("verified" in warning for warning in outcome.warnings)
    assert [each.state for each in look_at_objects(services.bucket, CLUSTER)] == ["verified"]


def test_many_old_locks_keep_no_run_from_removing_what_is_newer() -> None:
    """More than a run tries, as after the days of a lock were made fewer: the old ones end after the new ones."""
    old = every(timedelta(minutes=1), AT_ONCE * TRIES + ASKED + 20, begin=BEGIN, cluster=CLUSTER)
    free = every(timedelta(hours=1), 20, begin=BEGIN + 30 * DAY, cluster=CLUSTER)
    services = keeping(*(each.model_copy(update={"raw_size": 0}) for each in (*old, *free)), keep_last=3)
    for each in old:
        services.bucket.hold(backup_key(CLUSTER, each.backup_id, SNAPSHOT))
    BackupMachine(services).execute(CLUSTER, START)
    assert ids(list_backups(services.bucket, CLUSTER))[::-1][:-1] == [*ids(old), *ids(free[-2:])]


def test_one_that_the_catalogue_calls_sealed_and_that_is_verified_counts_as_verified() -> None:
    backups = days(12)
    services = keeping(*backups, keep_last=12)
    for each in backups[:2]:
        del services.bucket.objects[catalog_key(each)]
        services.bucket.put(catalog_key(each.model_copy(update={"state": "sealed"})), b"")
    assert going(services) == []
    assert [each.state for each in planned(services).verdicts[-2:]] == ["verified"] * 2


def test_the_newest_that_was_verified_and_is_called_sealed_keeps_the_floor_where_it_is() -> None:
    backups = days(6)
    services = keeping(*backups, keep_last=3)
    newest = backups[-1]
    del services.bucket.objects[catalog_key(newest)]
    services.bucket.put(catalog_key(newest.model_copy(update={"state": "sealed"})), b"")
    assert going(services) == ids(backups[:3])


def test_a_bucket_that_locks_whatever_is_put_into_it_fails_no_run() -> None:
    """A rule of the bucket locks the names of the catalogue too: what is superseded goes when its lock has ended."""
    services = keeping(keep_last=3)
    put, until = services.bucket.put, services.clock() + 30 * DAY

    def and_locked(key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        version = put(key, body, content_type=content_type)
        services.bucket.lock(key, "governance", until)
        return version

    services.bucket.put = and_locked  # type: ignore[method-assign]
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert (outcome.status, outcome.error) == ("succeeded", None)
    assert len(read_catalog(services.bucket, CLUSTER).superseded) == 1
    services.clock.advance(31 * DAY)
    applied(services)
    assert read_catalog(services.bucket, CLUSTER).superseded == ()


def test_a_floor_of_many_backups_is_looked_at_before_each_removal_too() -> None:
    backups = days(ONE_BY_ONE + 20)
    services = keeping(*backups, keep_last=1, keep_at_least=ONE_BY_ONE + 10)
    del services.bucket.objects[backup_key(CLUSTER, backups[-1].backup_id, SNAPSHOT)]
    assert going(services) == ids(backups[:9])

    def vanishes() -> None:
        del services.bucket.objects[backup_key(CLUSTER, backups[-2].backup_id, MANIFEST)]

    with pytest.raises(RefusedError, match="retention_plan_changed"):
        applied(services, then(vanishes))
    assert set(ids(backups[1:])) <= set(ids(look_at_objects(services.bucket, CLUSTER)))
    assert list(applied(services).removed) == ids(backups[1:8])
