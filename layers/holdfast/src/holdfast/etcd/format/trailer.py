"""The SHA-256 that ends every snapshot, checked while the bytes flow by.

etcd's Snapshot stream ends with 32 raw bytes: the SHA-256 of everything before them. A database is a whole number of
pages, so a snapshot's size leaves 32 when divided by 512; etcd's own restore uses the same two rules.
"""

import hashlib

from holdfast.errors import DamagedError

TRAILER_BYTES = 32
_SECTOR = 512  # the smallest page that bbolt knows
_AGAIN = "Take another backup, or fetch this one again."


class TrailerHash:
    """Feed a snapshot through `update` in chunks of any size, then ask `finish`. The last 32 bytes are kept back."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._held = b""
        self._size = 0

    def update(self, chunk: bytes | memoryview) -> None:
        self._size += len(chunk)
        if len(chunk) >= TRAILER_BYTES:
            view = memoryview(chunk)
            self._hash.update(self._held)
            self._hash.update(view[:-TRAILER_BYTES])
            self._held = bytes(view[-TRAILER_BYTES:])
        else:
            joined = self._held + bytes(chunk)
            self._hash.update(joined[:-TRAILER_BYTES])
            self._held = joined[-TRAILER_BYTES:]

    def finish(self) -> tuple[str, int]:
        """The SHA-256 of the database (hexadecimal, equal to the trailer) and the size of all bytes, trailer included.

        Raises DamagedError: `snapshot_empty`, `snapshot_hash_missing`, `snapshot_truncated`, `snapshot_hash_mismatch`.
        """
        if self._size <= TRAILER_BYTES:
            raise DamagedError("snapshot_empty", f"the snapshot has {self._size} bytes and no database", hint=_AGAIN)
        remainder = self._size % _SECTOR
        if remainder == 0:
            raise DamagedError(
                "snapshot_hash_missing",
                f"{self._size} bytes are whole pages: the SHA-256 that ends a snapshot is not there",
                hint="A copy of member/snap/db, or a stream that stopped early, proves nothing. Take a snapshot.",
            )
        if remainder != TRAILER_BYTES:
            raise DamagedError(
                "snapshot_truncated",
                f"{self._size} bytes are not whole pages and a hash ({remainder} over a multiple of {_SECTOR})",
                hint=_AGAIN,
            )
        if self._hash.digest() != self._held:
            raise DamagedError(
                "snapshot_hash_mismatch",
                f"the database has SHA-256 {self._hash.hexdigest()}, its trailer says {self._held.hex()}",
                hint="Bytes changed after etcd wrote them. " + _AGAIN,
            )
        return self._hash.hexdigest(), self._size
