"""A hold keeps a backup whatever dies in between, and its end takes all of it back."""

from typing import Any, cast

import pytest

from builders.backed_up import CLUSTER, one_backup, only_backup
from builders.services import START, MemoryServices
from holdfast.engine.catalog import find_backup, list_backups
from holdfast.engine.holding import Kept, hold, hold_of, protection, unhold
from holdfast.engine.removal import remove_backup
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, InvalidInputError, PermanentError, RefusedError
from holdfast.models.backup import Hold
from holdfast.planning.catalog_key import hold_key
from holdfast.planning.naming import MANIFEST, SIGNATURE, SNAPSHOT, VERIFIED, backup_key, bundle_key, certificates_key
from holdfast.storage.base import LockState
from holdfast.storage.faulty import Fault, FaultyBucket, Operation, access_denied, reset
from holdfast.storage.memory import MemoryBucket

OTHER = "20261120T120000Z-r-000000"


@pytest.fixture
def services() -> MemoryServices:
    services = one_backup()
    backup = only_backup(services)
    for key in (bundle_key(CLUSTER, backup, "n1"), certificates_key(CLUSTER, backup, "n1")):
        services.secrets.put(key, b"x")
    services.secrets.put(bundle_key(CLUSTER, OTHER, "n1"), b"x")
    # What somebody else put there is no part of the backup.
    services.bucket.put(backup_key(CLUSTER, backup, "notes.txt"), b"x")
    services.secrets.put(f"{CLUSTER}/{backup}/notes.txt", b"x")
    return services


def objects(backup: str) -> list[tuple[str, str]]:
    return [
        *(("snapshots", backup_key(CLUSTER, backup, name)) for name in (MANIFEST, SIGNATURE, SNAPSHOT, VERIFIED)),
        ("secrets", bundle_key(CLUSTER, backup, "n1")),
        ("secrets", certificates_key(CLUSTER, backup, "n1")),
    ]


def held(services: MemoryServices) -> set[str]:
    return {key for bucket in (services.bucket, services.secrets) for key, lock in bucket.locks.items() if lock.held}


def test_a_hold_marks_the_backup_and_puts_a_legal_hold_on_each_object_in_both_buckets(
    services: MemoryServices,
) -> None:
    backup = only_backup(services)
    kept = hold(services, CLUSTER, backup, reason="before the move")
    assert kept == Kept(tuple(objects(backup)), ())  # type: ignore[arg-type]
    assert held(services) == {key for _, key in objects(backup)}
    assert [entry.held for entry in list_backups(services.bucket, CLUSTER)] == [True]
    found = hold_of(services, CLUSTER, backup)
    assert found
    assert (found.held_by, found.reason) == (services.identity.caller(), "before the move")


def test_what_is_held_cannot_be_removed_and_loses_its_hold_by_unhold_alone(services: MemoryServices) -> None:
    backup = only_backup(services)
    hold(services, CLUSTER, backup)
    with pytest.raises(RefusedError) as refused:
        remove_backup(services, CLUSTER, backup)
    assert refused.value.code == "object_locked"
    unhold(services, CLUSTER, backup)
    assert held(services) == set()
    assert hold_of(services, CLUSTER, backup) is None
    remove_backup(services, CLUSTER, backup)
    assert find_backup(services.bucket, CLUSTER, backup) is None


def test_a_second_hold_keeps_the_first_ones_reason_and_holds_what_came_since(services: MemoryServices) -> None:
    backup = only_backup(services)
    hold(services, CLUSTER, backup, reason="first")
    late = backup_key(CLUSTER, backup, "runbook.md")
    services.bucket.put(late, b"# By hand\n")
    hold(services, CLUSTER, backup, reason="second")
    found = hold_of(services, CLUSTER, backup)
    assert found
    assert found.reason == "first"
    assert services.bucket.lock_state(late).held


CALLS: list[tuple[Operation, int]] = [("put", 1), *(("hold", nth) for nth in (1, 2, 3))]


@pytest.mark.parametrize(("operation", "call"), CALLS)
def test_a_hold_that_was_interrupted_keeps_the_backup_from_retention_or_did_nothing_and_finishes_when_repeated(
    services: MemoryServices, operation: Operation, call: int
) -> None:
    backup = only_backup(services)
    services.store = FaultyBucket(services.bucket, [Fault(operation, reset, call=call)])
    with pytest.raises(HoldfastError):
        hold(services, CLUSTER, backup)
    (entry,) = list_backups(services.bucket, CLUSTER)
    assert entry.held == bool(operation == "hold")
    hold(services, CLUSTER, backup)
    assert held(services) == {key for _, key in objects(backup)}
    assert list_backups(services.bucket, CLUSTER)[0].held


RELEASES: list[tuple[Operation, int]] = [*(("release", nth) for nth in (1, 2, 3)), ("remove", 1)]


@pytest.mark.parametrize(("operation", "call"), RELEASES)
def test_an_unhold_that_was_interrupted_leaves_the_marker_and_finishes_when_repeated(
    services: MemoryServices, operation: Operation, call: int
) -> None:
    backup = only_backup(services)
    hold(services, CLUSTER, backup)
    services.store = FaultyBucket(services.bucket, [Fault(operation, reset, call=call)])
    with pytest.raises(HoldfastError):
        unhold(services, CLUSTER, backup)
    assert list_backups(services.bucket, CLUSTER)[0].held
    unhold(services, CLUSTER, backup)
    assert held(services) == set()
    assert not list_backups(services.bucket, CLUSTER)[0].held


def test_without_object_lock_the_marker_holds_and_it_is_said(services: MemoryServices) -> None:
    backup = only_backup(services)
    services.bucket.object_lock = False
    kept = hold(services, CLUSTER, backup)
    assert kept.without_lock == ("snapshots",)
    assert {bucket for bucket, _ in kept.objects} == {"secrets"}
    assert list_backups(services.bucket, CLUSTER)[0].held
    assert unhold(services, CLUSTER, backup).without_lock == ("snapshots",)
    assert not list_backups(services.bucket, CLUSTER)[0].held


def test_a_damaged_backup_can_be_kept_for_a_look_and_a_leftover_cannot(services: MemoryServices) -> None:
    backup = only_backup(services)
    services.bucket.put(backup_key(CLUSTER, backup, MANIFEST), b"{")
    hold(services, CLUSTER, backup)
    unhold(services, CLUSTER, backup)
    services.bucket.remove([backup_key(CLUSTER, backup, MANIFEST)])
    with pytest.raises(PermanentError) as unknown:
        hold(services, CLUSTER, backup)
    assert unknown.value.code == "backup_unknown"
    assert hold_of(services, CLUSTER, backup) is None


@pytest.mark.parametrize("call", [hold, unhold])
def test_a_backup_that_is_not_there_and_an_id_that_cannot_be_are_told_apart(
    services: MemoryServices, call: Any
) -> None:
    with pytest.raises(PermanentError) as unknown:
        call(services, CLUSTER, "20260101T000000Z-r-000000")
    assert unknown.value.code == "backup_unknown"
    with pytest.raises(InvalidInputError):
        call(services, CLUSTER, "../../other")


def test_a_backup_that_is_removed_while_it_is_being_held_is_not_called_held(services: MemoryServices) -> None:
    backup = only_backup(services)

    class RemovedMeanwhile(MemoryBucket):
        def hold(self, key: str) -> None:
            services.bucket.remove([backup_key(CLUSTER, backup, MANIFEST)])
            super().hold(key)

    racing = RemovedMeanwhile()
    racing.objects, racing.locks = services.bucket.objects, services.bucket.locks

    class Racing:
        locks = racing

        def __getattr__(self, name: str) -> Any:
            return getattr(services, name)

    with pytest.raises(PermanentError) as unknown:
        hold(cast("Services", Racing()), CLUSTER, backup)
    assert unknown.value.code == "backup_unknown"


def test_a_marker_whose_backup_is_gone_is_taken_away(services: MemoryServices) -> None:
    services.bucket.put(hold_key(CLUSTER, OTHER), b"not JSON")
    assert hold_of(services, CLUSTER, OTHER) == Hold()
    unhold(services, CLUSTER, OTHER)
    assert hold_of(services, CLUSTER, OTHER) is None


def test_what_keeps_each_object_is_told_as_far_as_the_caller_may_see(services: MemoryServices) -> None:
    backup = only_backup(services)
    key = backup_key(CLUSTER, backup, SNAPSHOT)
    services.bucket.lock(key, "compliance", START.replace(year=2027))
    services.secrets.hold(bundle_key(CLUSTER, backup, "n1"))
    seen = {each.key: each.state for each in protection(services, CLUSTER, backup)}
    assert list(seen) == [key for _, key in objects(backup)]
    assert seen[key] == LockState("compliance", START.replace(year=2027))
    assert seen[bundle_key(CLUSTER, backup, "n1")] == LockState(held=True)
    services.store = FaultyBucket(services.bucket, [Fault("lock_state", access_denied, times=9)])
    hidden = {each.key: each.state for each in protection(services, CLUSTER, backup)}
    assert hidden[key] is None
    assert hidden[bundle_key(CLUSTER, backup, "n1")] == LockState(held=True)
