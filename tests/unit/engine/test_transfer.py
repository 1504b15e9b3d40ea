"""A snapshot's way into the bucket: complete and sound, or not there at all."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import zstandard

from builders.snapshot_stream import blobs, broken_after, database, snapshot
from holdfast.engine.frames import FRAME_BYTES
from holdfast.engine.transfer import transfer_snapshot
from holdfast.errors import DamagedError, HoldfastError, PermanentError, TransientError
from holdfast.etcd.format.seekable import SeekTable
from holdfast.models.backup import SnapshotObject
from holdfast.planning.parts import MIB
from holdfast.storage.base import ObjectWriter
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied, clock_skew, reset, slow_down
from holdfast.storage.memory import MemoryBucket

KEY = "c/20261120T154300Z-r-1a2b3c/snapshot.db.zst"
START = datetime(2026, 11, 20, 15, 43, tzinfo=UTC)
# 14 MiB of noise: four frames, two parts of 8 MiB.
BODY = database(3584)
SOUND = snapshot(BODY)


def _clock() -> Iterator[datetime]:
    for second in range(1_000_000):
        yield START + timedelta(seconds=second)


def _transfer(source: Iterable[bytes], writer: ObjectWriter, *, part_bytes: int = 8 * MIB) -> SnapshotObject:
    ticks = _clock()
    return transfer_snapshot(
        source, writer, KEY, part_bytes=part_bytes, clock=lambda: next(ticks), progress=lambda _: None
    )


def _nothing_is_left(bucket: MemoryBucket) -> None:
    assert bucket.objects == {}
    assert bucket.unfinished == []


def test_the_stored_object_unpacks_to_the_snapshot_and_is_what_the_result_says() -> None:
    bucket = MemoryBucket()
    result = _transfer(blobs(SOUND), bucket)
    stored = bucket.objects[KEY]
    assert zstandard.ZstdDecompressor().stream_reader(stored.body, read_across_frames=True).read() == SOUND
    assert result == SnapshotObject(
        key=KEY,
        size=len(stored.body),
        object_sha256=hashlib.sha256(stored.body).hexdigest(),
        raw_size=len(SOUND),
        sha256=hashlib.sha256(BODY).hexdigest(),
        checksum=stored.checksum,
        started_at=START,
        finished_at=START + timedelta(seconds=1),
    )
    assert bucket.unfinished == []


@pytest.mark.parametrize("size", [1, 511, 32 * 1024, 5 * MIB, 40 * MIB])
def test_the_object_does_not_depend_on_how_the_member_cuts_its_stream(size: int) -> None:
    small = snapshot(BODY[: 5 * MIB]) if size < 512 else SOUND
    one, other = MemoryBucket(), MemoryBucket()
    _transfer(blobs(small, size=size), one)
    _transfer(blobs(small), other)
    assert one.objects[KEY].body == other.objects[KEY].body


def test_every_frame_but_the_last_holds_four_mebibytes() -> None:
    bucket = MemoryBucket()
    _transfer(blobs(SOUND), bucket)
    body = bucket.objects[KEY].body
    sizes = [raw for _, raw in SeekTable.from_tail(lambda start, end: body[start:end], len(body)).frames]
    assert sizes == [FRAME_BYTES] * 3 + [len(SOUND) - 3 * FRAME_BYTES]


def test_a_frame_states_its_size_and_a_checksum() -> None:
    bucket = MemoryBucket()
    _transfer(blobs(SOUND), bucket)
    parameters = zstandard.get_frame_parameters(bucket.objects[KEY].body)
    assert parameters.content_size == FRAME_BYTES
    assert parameters.has_checksum


@pytest.mark.parametrize(("pages", "parts"), [(4, 1), (1536, 2), (3584, 3)])
def test_parts_are_filled_one_after_the_other(pages: int, parts: int) -> None:
    result = _transfer(blobs(snapshot(database(pages))), MemoryBucket(), part_bytes=5 * MIB)
    assert result.checksum.endswith(f"-{parts}")


def test_progress_counts_raw_bytes_to_the_last_one() -> None:
    seen: list[int] = []
    transfer_snapshot(blobs(SOUND), MemoryBucket(), KEY, part_bytes=8 * MIB, clock=lambda: START, progress=seen.append)
    assert seen == [FRAME_BYTES, 2 * FRAME_BYTES, 3 * FRAME_BYTES, len(SOUND)]


def test_a_source_that_breaks_leaves_nothing_and_its_error_is_told() -> None:
    for position in (0, 100, 9 * MIB, len(SOUND) - 32, len(SOUND)):
        bucket = MemoryBucket()
        broken = TransientError("etcd_stream_broken", "on demand")
        with pytest.raises(TransientError) as error:
            _transfer(broken_after(SOUND, position, broken), bucket)
        assert error.value is broken
        _nothing_is_left(bucket)


def _flipped(position: int) -> bytes:
    data = bytearray(SOUND)
    data[position] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "snapshot_empty", id="empty"),
        pytest.param(SOUND[-32:], "snapshot_empty", id="only a hash"),
        pytest.param(SOUND[:-32], "snapshot_hash_missing", id="cut before the hash"),
        pytest.param(SOUND[:-1], "snapshot_truncated", id="cut within the hash"),
        pytest.param(SOUND[: 9 * MIB + 7], "snapshot_truncated", id="cut within a page"),
        pytest.param(SOUND[: 9 * MIB + 32], "snapshot_hash_mismatch", id="cut where the hash would be"),
        pytest.param(_flipped(3), "snapshot_hash_mismatch", id="first page"),
        pytest.param(_flipped(9 * MIB), "snapshot_hash_mismatch", id="middle"),
        pytest.param(_flipped(len(SOUND) - 1), "snapshot_hash_mismatch", id="in the hash"),
    ],
)
def test_a_damaged_stream_leaves_nothing_and_is_named(data: bytes, code: str) -> None:
    bucket = MemoryBucket()
    with pytest.raises(DamagedError) as error:
        _transfer(blobs(data), bucket)
    assert error.value.code == code
    _nothing_is_left(bucket)


def test_a_wrong_hash_is_found_before_the_upload_is_completed() -> None:
    inner = MemoryBucket()
    bucket = FaultyBucket(inner, [Fault("complete", access_denied)])
    with pytest.raises(DamagedError) as error:
        _transfer(blobs(_flipped(5)), bucket)
    assert error.value.code == "snapshot_hash_mismatch"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("start_upload", access_denied), "storage_access_denied"),
        (Fault("part", clock_skew), "storage_clock_skew"),
        (Fault("part", reset, call=2), "storage_unavailable"),
        (Fault("part", slow_down, call=3), "storage_unavailable"),
        (Fault("complete", slow_down), "storage_unavailable"),
    ],
)
def test_a_store_that_fails_at_any_call_is_left_empty(fault: Fault, code: str) -> None:
    inner = MemoryBucket()
    with pytest.raises(HoldfastError) as error:
        _transfer(blobs(SOUND), FaultyBucket(inner, [fault]), part_bytes=5 * MIB)
    assert error.value.code == code
    _nothing_is_left(inner)


def test_a_failed_part_ends_the_reading_and_not_only_the_upload() -> None:
    read = 0

    def counted() -> Iterator[bytes]:
        nonlocal read
        for number in range(1000):
            read += 1
            yield database(256, seed=number)

    with pytest.raises(PermanentError):
        _transfer(counted(), FaultyBucket(MemoryBucket(), [Fault("part", access_denied)]), part_bytes=5 * MIB)
    assert read < 100


def test_an_interrupt_leaves_nothing() -> None:
    bucket = MemoryBucket()
    with pytest.raises(KeyboardInterrupt):
        _transfer(broken_after(SOUND, 9 * MIB, KeyboardInterrupt()), bucket)
    _nothing_is_left(bucket)


def test_when_the_abort_fails_too_the_first_error_is_raised_with_a_note() -> None:
    inner = MemoryBucket()
    faults = [Fault("part", reset), Fault("abort", access_denied)]
    with pytest.raises(TransientError) as error:
        _transfer(blobs(SOUND), FaultyBucket(inner, faults))
    assert error.value.code == "storage_unavailable"
    assert "storage_access_denied" in "".join(error.value.__notes__)
    assert inner.objects == {}


def test_a_database_that_outgrows_its_parts_is_refused_and_leaves_nothing() -> None:
    bucket = MemoryBucket()
    with pytest.raises(PermanentError) as error:
        _transfer(blobs(SOUND), bucket, part_bytes=1000)
    assert error.value.code == "snapshot_outgrew_parts"
    _nothing_is_left(bucket)
