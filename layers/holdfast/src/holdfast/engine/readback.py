"""Reading a stored snapshot back: every byte from the bucket, unpacked into a file, compared with what was sent."""

import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from holdfast.engine.inspect import unpack_stream
from holdfast.engine.stored_head import check_size
from holdfast.errors import DamagedError, RefusedError
from holdfast.models.backup import SnapshotObject
from holdfast.storage.base import ObjectReader

RANGE_BYTES = 8 * 1024 * 1024
# Ranges under way or waiting to be unpacked: the network works while a processor unpacks, and memory stays small.
AHEAD = 3
THREADS = 2


def refuse_short_disk(directory: Path, size: int) -> None:
    """RefusedError `disk_short` when `size` bytes do not fit: before hours of reading, and with a name."""
    free = shutil.disk_usage(directory).free
    if free < size:
        hint = "choose another directory; in a function it is what EphemeralStorage in template.yaml gives"
        raise RefusedError("disk_short", f"{directory} has {free} bytes free; the database has {size}", hint=hint)


def read_back(
    reader: ObjectReader, expected: SnapshotObject, out: BinaryIO, *, progress: Callable[[int], None] | None = None
) -> None:
    """Write the raw snapshot to `out`, which is left at its end. `progress` gets the object's bytes read so far.

    DamagedError `object_size_mismatch`, `object_sha256_mismatch`, `snapshot_size_mismatch`, `snapshot_sha256_mismatch`
    when the bytes are not those that were sent, and the codes of `unpack_stream`. The size is asked first: a range
    beyond the end of a cut object looks like a store that fails, and that would be tried again for ever. The store's
    checksum is not asked: a copy of the object in other parts has another one, and the bytes are read anyway.
    """
    check_size(reader, expected)
    received = hashlib.sha256()
    sha256, raw_size = unpack_stream(_counted(_ranges(reader, expected), received, progress), out)
    _must_equal(
        "object_sha256_mismatch", "the object's SHA-256", received.hexdigest(), expected.object_sha256, expected
    )
    _must_equal("snapshot_size_mismatch", "the unpacked size", str(raw_size), str(expected.raw_size), expected)
    _must_equal("snapshot_sha256_mismatch", "the database's SHA-256", sha256, expected.sha256, expected)


def _ranges(reader: ObjectReader, expected: SnapshotObject) -> Iterator[bytes]:
    """The object in order, by ranged reads that run ahead. Each range is one request, so a reset costs one range."""
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="range") as pool:
        try:
            for start in range(0, expected.size, RANGE_BYTES):
                end = min(start + RANGE_BYTES, expected.size)
                waiting.append(pool.submit(reader.read, expected.key, start=start, end=end))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _counted(chunks: Iterator[bytes], into: "hashlib._Hash", progress: Callable[[int], None] | None) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        into.update(chunk)
        done += len(chunk)
        if progress is not None:
            progress(done)
        yield chunk


def _must_equal(code: str, what: str, found: str, sent: str, expected: SnapshotObject) -> None:
    if found != sent:
        hint = "this backup cannot be trusted; take a new one and look at the store"
        raise DamagedError(code, f"{expected.key}: {what} is {found}, the manifest says {sent}", hint=hint)
