"""Reading back: every byte is compared, whatever the store claims."""

import io
from datetime import UTC, datetime

import pytest

from builders.snapshot_stream import blobs, database, snapshot
from holdfast.engine.readback import RANGE_BYTES, read_back
from holdfast.engine.transfer import transfer_snapshot
from holdfast.errors import DamagedError, PermanentError, TransientError
from holdfast.models.backup import SnapshotObject
from holdfast.planning.parts import MIB
from holdfast.storage.faulty import Fault, FaultyBucket, reset
from holdfast.storage.memory import MemoryBucket

KEY = "c/b/snapshot.db.zst"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
# Noise does not compress: three ranges.
SOUND = snapshot(database(5 * RANGE_BYTES // 2 // 4096))


@pytest.fixture(scope="module")
def body_and_object() -> tuple[bytes, SnapshotObject]:
    bucket = MemoryBucket()
    sent = transfer_snapshot(blobs(SOUND), bucket, KEY, part_bytes=8 * MIB, clock=lambda: NOW, progress=lambda _: None)
    return bucket.objects[KEY].body, sent


def _bucket(body: bytes) -> MemoryBucket:
    bucket = MemoryBucket()
    bucket.put(KEY, body)
    return bucket


def test_what_was_sent_comes_back(body_and_object: tuple[bytes, SnapshotObject]) -> None:
    body, sent = body_and_object
    out, seen = io.BytesIO(), list[int]()
    read_back(_bucket(body), sent, out, progress=seen.append)
    assert out.getvalue() == SOUND
    assert seen == [RANGE_BYTES, 2 * RANGE_BYTES, len(body)]


@pytest.mark.parametrize("position", [6, 1000, RANGE_BYTES, -5, -40])
def test_a_flipped_bit_anywhere_in_the_object_is_refused(
    body_and_object: tuple[bytes, SnapshotObject], position: int
) -> None:
    body, sent = body_and_object
    flipped = bytearray(body)
    flipped[position] ^= 1
    with pytest.raises(DamagedError):
        read_back(_bucket(bytes(flipped)), sent, io.BytesIO())


def test_another_sound_snapshot_of_the_same_size_is_refused(body_and_object: tuple[bytes, SnapshotObject]) -> None:
    _, sent = body_and_object
    bucket = MemoryBucket()
    other = snapshot(database((len(SOUND) - 32) // 4096, seed=2))
    stored = transfer_snapshot(
        blobs(other), bucket, KEY, part_bytes=8 * MIB, clock=lambda: NOW, progress=lambda _: None
    )
    assert stored.size == sent.size
    with pytest.raises(DamagedError) as error:
        read_back(bucket, sent, io.BytesIO())
    assert error.value.code == "object_sha256_mismatch"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("object_sha256", "0" * 64, "object_sha256_mismatch"),
        ("raw_size", 5, "snapshot_size_mismatch"),
        ("sha256", "0" * 64, "snapshot_sha256_mismatch"),
    ],
)
def test_each_figure_of_the_manifest_is_held_against_the_bytes(
    body_and_object: tuple[bytes, SnapshotObject], field: str, value: object, code: str
) -> None:
    body, sent = body_and_object
    with pytest.raises(DamagedError) as error:
        read_back(_bucket(body), sent.model_copy(update={field: value}), io.BytesIO())
    assert error.value.code == code


@pytest.mark.parametrize("change", [slice(None, -100), slice(None, RANGE_BYTES), slice(0)])
def test_an_object_that_was_cut_is_damaged_and_not_a_store_that_fails(
    body_and_object: tuple[bytes, SnapshotObject], change: slice
) -> None:
    body, sent = body_and_object
    with pytest.raises(DamagedError) as error:
        read_back(_bucket(body[change]), sent, io.BytesIO())
    assert error.value.code == "object_size_mismatch"


def test_a_reset_in_a_range_is_told(body_and_object: tuple[bytes, SnapshotObject]) -> None:
    body, sent = body_and_object
    with pytest.raises(TransientError):
        read_back(FaultyBucket(_bucket(body), [Fault("read", reset, call=2)]), sent, io.BytesIO())


def test_a_missing_object_is_told(body_and_object: tuple[bytes, SnapshotObject]) -> None:
    with pytest.raises(PermanentError) as error:
        read_back(MemoryBucket(), body_and_object[1], io.BytesIO())
    assert error.value.code == "object_not_found"
