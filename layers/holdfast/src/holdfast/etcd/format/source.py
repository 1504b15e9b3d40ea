"""Where the bytes of a database come from: a file, a buffer, or frames in a store (`seekable.FrameSource`).

A source covers the database alone. The 32 bytes of SHA-256 that a snapshot carries at its end are not part of it.
"""

import os
from typing import Protocol

from holdfast.errors import DamagedError


class PageSource(Protocol):
    """Random access to a database of `size` bytes.

    `read` gives exactly `length` bytes from `offset` on; anything that lies outside, or is not there although it
    should be, is a DamagedError (`snapshot_truncated`), never a short answer.
    """

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


def short_read(offset: int, length: int, size: int) -> DamagedError:
    return DamagedError(
        "snapshot_truncated",
        f"the database ends before byte {offset + length} (it has {size})",
        hint="The file was cut. Take another backup, or fetch this one again.",
    )


class BytesSource:
    """A database in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise short_read(offset, length, self.size)
        return self._data[offset : offset + length]


class FileSource:
    """The first `size` bytes of an open file, read by position: the page cache holds them, this process does not."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise short_read(offset, length, self.size)
        data = os.pread(self._descriptor, length, offset)
        if len(data) != length:
            raise short_read(offset, length, self.size)
        return data
