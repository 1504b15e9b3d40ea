"""What every Object Lock promises, in memory here. Real stores are held to it in tests/interop: moto has none."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.errors import PermanentError, RefusedError
from holdfast.storage.base import Bucket, LockState, ObjectLocks
from holdfast.storage.faulty import FaultyBucket, FaultyLocks
from holdfast.storage.memory import MemoryBucket

KEY = "prod-1/20261120T154300Z-r-1a2b3c/snapshot.db.zst"


@dataclass(frozen=True)
class Place:
    """One bucket, and the locks of its objects."""

    store: Bucket
    locks: ObjectLocks

    def put(self) -> "Place":
        self.store.put(KEY, b"bytes")
        return self


Maker = Callable[..., Place]


def _memory(*, object_lock: bool) -> Place:
    bucket = MemoryBucket(object_lock=object_lock)
    return Place(bucket, bucket)


def _wrapped(*, object_lock: bool) -> Place:
    inner = MemoryBucket(object_lock=object_lock)
    bucket = FaultyBucket(inner, [])
    return Place(bucket, FaultyLocks(bucket, inner))


@pytest.fixture(params=[_memory, _wrapped])
def place(request: pytest.FixtureRequest) -> Place:
    """A bucket with Object Lock."""
    make: Maker = request.param
    return make(object_lock=True)


@pytest.fixture(params=[_memory, _wrapped])
def plain(request: pytest.FixtureRequest) -> Place:
    """One without."""
    make: Maker = request.param
    return make(object_lock=False)


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def test_an_object_has_no_lock_until_it_is_given_one(place: Place) -> None:
    assert place.put().locks.lock_state(KEY) == LockState()


def test_a_lock_is_told_with_its_mode_and_its_end_and_keeps_the_object(place: Place) -> None:
    until = in_days(1)
    place.put().locks.lock(KEY, "governance", until)
    assert place.locks.lock_state(KEY) == LockState("governance", seconds(until))
    with pytest.raises(RefusedError) as refused:
        place.store.remove([KEY])
    assert refused.value.code == "object_locked"
    assert place.store.read(KEY) == b"bytes"


def test_the_same_lock_again_changes_nothing_and_a_later_end_makes_it_longer(place: Place) -> None:
    first, later = in_days(1), in_days(2)
    place.put()
    for until in (first, first, later):
        place.locks.lock(KEY, "governance", until)
    assert place.locks.lock_state(KEY).until == seconds(later)


@pytest.mark.parametrize(("mode", "days"), [("compliance", 1.0), ("governance", 3.0)])
def test_a_lock_is_made_neither_shorter_nor_weaker(place: Place, mode: str, days: float) -> None:
    until = in_days(2)
    place.put().locks.lock(KEY, "compliance", until)
    with pytest.raises(RefusedError) as refused:
        place.locks.lock(KEY, mode, in_days(days))  # type: ignore[arg-type]
    assert refused.value.code == "lock_would_be_shorter"
    assert place.locks.lock_state(KEY) == LockState("compliance", seconds(until))


def test_a_hold_keeps_the_object_until_it_is_released(place: Place) -> None:
    place.put()
    for _ in range(2):
        place.locks.hold(KEY)
    assert place.locks.lock_state(KEY) == LockState(held=True)
    with pytest.raises(RefusedError) as refused:
        place.store.remove([KEY])
    assert refused.value.code == "object_locked"
    for _ in range(2):
        place.locks.release(KEY)
    assert place.locks.lock_state(KEY) == LockState()
    assert place.store.remove([KEY]) == 1


def test_a_hold_and_a_lock_know_nothing_of_each_other(place: Place) -> None:
    until = in_days(1)
    place.put().locks.hold(KEY)
    place.locks.lock(KEY, "governance", until)
    assert place.locks.lock_state(KEY) == LockState("governance", seconds(until), held=True)
    place.locks.release(KEY)
    assert place.locks.lock_state(KEY) == LockState("governance", seconds(until))


def test_the_state_is_that_of_the_newest_version(place: Place) -> None:
    place.put().locks.hold(KEY)
    place.put()
    assert place.locks.lock_state(KEY) == LockState()


@pytest.mark.parametrize("call", ["lock", "hold", "release", "lock_state"])
def test_a_missing_object_is_named_as_such(place: Place, call: str) -> None:
    arguments = ("governance", in_days(1)) if call == "lock" else ()
    with pytest.raises(PermanentError) as missing:
        getattr(place.locks, call)(KEY, *arguments)
    assert missing.value.code == "object_not_found"


@pytest.mark.parametrize("call", ["lock", "hold", "release"])
def test_a_bucket_without_object_lock_says_so_and_loses_nothing(plain: Place, call: str) -> None:
    arguments = ("governance", in_days(1)) if call == "lock" else ()
    plain.put()
    with pytest.raises(PermanentError) as unsupported:
        getattr(plain.locks, call)(KEY, *arguments)
    assert unsupported.value.code == "object_lock_unsupported"
    assert plain.locks.lock_state(KEY) == LockState()
    assert plain.store.remove([KEY]) == 1
