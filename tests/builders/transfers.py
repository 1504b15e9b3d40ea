"""The transfer of one sound snapshot into a store: what tests of stores that misbehave or check have in common."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from builders.snapshot_stream import blobs, database, snapshot
from holdfast.engine.transfer import transfer_snapshot
from holdfast.models.backup import SnapshotObject
from holdfast.planning.parts import MIB
from holdfast.storage.base import ObjectWriter

KEY = "c/20261120T154300Z-r-1a2b3c/snapshot.db.zst"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
# 14 MiB of noise: three parts of 5 MiB at most.
SOUND = snapshot(database(3584))


def transfer(writer: ObjectWriter, source: Iterable[bytes] | None = None) -> SnapshotObject:
    """SOUND, or what `source` gives, stored under KEY."""
    return transfer_snapshot(
        source or blobs(SOUND), writer, KEY, part_bytes=5 * MIB, clock=lambda: NOW, progress=lambda _: None
    )


def when_part(number: int, writer: ObjectWriter, do: Callable[[], object]) -> ObjectWriter:
    """The same writer; `do` is called once, before that part of an upload is sent."""
    return _Hooked(writer, number, do)


class _Hooked:
    """Also the upload that the writer starts: whatever it is asked beyond a part is the inner one's to do."""

    def __init__(self, inner: Any, number: int, do: Callable[[], object]) -> None:
        self._inner, self._number, self._do = inner, number, do

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def start_upload(self, key: str) -> "_Hooked":
        return _Hooked(self._inner.start_upload(key), self._number, self._do)

    def part(self, number: int, data: bytes | bytearray) -> None:
        if number == self._number:
            self._do()
        self._inner.part(number, data)
