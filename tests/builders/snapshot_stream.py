"""Streams as a member sends them, sound and broken, without a member."""

import hashlib
import random
from collections.abc import Iterable, Iterator

PAGE = 4096
BLOB = 32 * 1024


def database(pages: int, *, seed: int = 1) -> bytes:
    """Bytes that compress about as little as they can: a database of `pages` pages only in its size."""
    return random.Random(seed).randbytes(pages * PAGE)


def snapshot(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def blobs(data: bytes, *, size: int = BLOB) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def broken_after(data: bytes, position: int, error: BaseException) -> Iterator[bytes]:
    """The blobs before `position`, then `error`."""
    yield from blobs(data[:position])
    raise error


def endless_pages(megabytes: int) -> Iterable[bytes]:
    """A sound snapshot of that size made while it is read; every blob is half noise and half zeros."""
    noise = random.Random(7).randbytes(BLOB // 2)
    digest = hashlib.sha256()
    for number in range(megabytes * 1024 * 1024 // BLOB):
        blob = number.to_bytes(8, "big") + noise[8:] + bytes(BLOB // 2)
        digest.update(blob)
        yield blob
    yield digest.digest()
