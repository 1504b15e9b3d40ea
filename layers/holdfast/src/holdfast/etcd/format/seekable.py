"""A compressed snapshot that can be read from any place: independent frames, then a table of their sizes.

The table is that of the zstd seekable format, for gzip too (all little endian): per frame its compressed and its raw
size (u32), and a checksum where the descriptor's top bit says so; then the number of frames (u32), the descriptor
byte, magic 0x8F92EAB1. What stands around the table is each compression's own. (Source: zstd contrib/seekable_format.)
"""

import struct
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Self

from holdfast.errors import DamagedError
from holdfast.etcd.format.compression import MAX_FRAMES, Form, invalid_compression
from holdfast.etcd.format.gzip_members import GZIP
from holdfast.etcd.format.source import short_read
from holdfast.etcd.format.trailer import TRAILER_BYTES
from holdfast.etcd.format.zstd_frames import ZSTD
from holdfast.models.backup import Compression

MAX_RAW_FRAME_BYTES = 64 * 1024 * 1024
FORMS: dict[Compression, Form] = {"zstd": ZSTD, "gzip": GZIP}
_TABLE_MAGIC = 0x8F92EAB1
_FOOTER, _ENTRY = struct.Struct("<IBI"), struct.Struct("<II")
_WITH_CHECKSUMS, _RESERVED = 0x80, 0x7C
_CHECKSUM_BYTES = 4

type ReadRange = Callable[[int, int], bytes]
"""Bytes from `start` (inclusive) to `end` (exclusive) of an object."""


def invalid_table(reason: str) -> DamagedError:
    return DamagedError(
        "snapshot_seek_table_invalid",
        f"the table of frames at the end of the compressed snapshot: {reason}",
        hint="The object was cut or changed. `holdfast snapshot inspect` needs no table: it reads what `zstd -t` or"
        " `gzip -t` accepts.",
    )


@dataclass(slots=True)
class SeekTable:
    """The (compressed, raw) sizes of the frames of an object, in their order. Grows while an object is written."""

    frames: list[tuple[int, int]] = field(default_factory=list)
    compression: Compression = "zstd"

    @property
    def compressed_size(self) -> int:
        """Without the table itself."""
        return sum(compressed for compressed, _ in self.frames)

    @property
    def raw_size(self) -> int:
        return sum(raw for _, raw in self.frames)

    def to_bytes(self) -> bytes:
        """What goes behind the last frame: at most `max_table_bytes` of the form, and what is around them."""
        form = FORMS[self.compression]
        body = b"".join(_ENTRY.pack(*sizes) for sizes in self.frames)
        body += _FOOTER.pack(len(self.frames), 0, _TABLE_MAGIC)
        return form.head(len(body)) + body + form.tail

    @classmethod
    def from_tail(cls, read_range: ReadRange, object_size: int, compression: Compression = "zstd") -> Self:
        """Reads the table of an object of `object_size` bytes, in two reads. Raises `snapshot_seek_table_invalid`."""
        form = FORMS[compression]
        end = object_size - len(form.tail)
        if end < len(form.head(0)) + _FOOTER.size:
            raise invalid_table(f"an object of {object_size} bytes has none")
        footer = _exactly(read_range, end - _FOOTER.size, object_size)
        count, descriptor, magic = _FOOTER.unpack_from(footer)
        if magic != _TABLE_MAGIC or descriptor & _RESERVED or footer[_FOOTER.size :] != form.tail:
            raise invalid_table("there is none")
        entry_bytes = _ENTRY.size + (_CHECKSUM_BYTES if descriptor & _WITH_CHECKSUMS else 0)
        at_most = min(MAX_FRAMES, (form.max_table_bytes - _FOOTER.size) // entry_bytes)
        if not 0 < count <= at_most:
            raise invalid_table(f"{count} frames, at most {at_most} are read")
        head = form.head(count * entry_bytes + _FOOTER.size)
        start = end - _FOOTER.size - count * entry_bytes - len(head)
        if start < 0:
            raise invalid_table(f"{count} frames do not fit into {object_size} bytes")
        table = _exactly(read_range, start, end - _FOOTER.size)
        if not table.startswith(head):
            raise invalid_table("its header does not fit its footer")
        frames = [_ENTRY.unpack_from(table, at) for at in range(len(head), len(table), entry_bytes)]
        if any(not compressed or not 0 < raw <= MAX_RAW_FRAME_BYTES for compressed, raw in frames):
            raise invalid_table(f"a frame of no bytes, or of more than {MAX_RAW_FRAME_BYTES} raw ones")
        found = cls([(compressed, raw) for compressed, raw in frames], compression)
        if found.compressed_size != start:
            raise invalid_table(f"frames of {found.compressed_size} bytes before a table at {start}")
        return found


class FrameSource:
    """A PageSource over a compressed object: fetches and decompresses the frames asked for, keeps the last few.

    Memory is at most `cached_frames` raw frames and one compressed one.
    """

    def __init__(self, table: SeekTable, read_range: ReadRange, *, cached_frames: int = 4) -> None:
        self._table, self._read_range, self._cached_frames = table, read_range, cached_frames
        self._form = FORMS[table.compression]
        self._raw_ends = list(accumulate(raw for _, raw in table.frames))
        self._ends = list(accumulate(compressed for compressed, _ in table.frames))
        self._frames: OrderedDict[int, bytes] = OrderedDict()
        self.size = max(table.raw_size - TRAILER_BYTES, 0)

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise short_read(offset, length, self.size)
        end = offset + length
        pieces: list[bytes] = []
        while offset < end:
            index = bisect_right(self._raw_ends, offset)
            frame = self._frame(index)
            within = offset - (self._raw_ends[index] - len(frame))
            pieces.append(frame[within : within + end - offset])
            offset += len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _frame(self, index: int) -> bytes:
        if index in self._frames:
            self._frames.move_to_end(index)
            return self._frames[index]
        compressed, raw = self._table.frames[index]
        start = self._ends[index] - compressed
        frame = self._form.whole(_exactly(self._read_range, start, start + compressed), raw)
        self._frames[index] = frame
        if len(self._frames) > self._cached_frames:
            self._frames.popitem(last=False)
        return frame


def _exactly(read_range: ReadRange, start: int, end: int) -> bytes:
    data = read_range(start, end)
    if len(data) != end - start:
        raise invalid_compression(f"bytes {start} to {end} were asked for, {len(data)} came")
    return data
