"""The zstd seekable format: independent frames, then a table of their sizes in a skippable frame.

`zstd -d` reads such a file as any other. The table (all u32, little endian): skippable magic 0x184D2A5E, length of what
follows; per frame its compressed and its raw size, and a checksum where the descriptor's top bit says so; then the
number of frames, the descriptor byte, magic 0x8F92EAB1. (Source: zstd contrib/seekable_format.)
"""

import struct
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Self

import zstandard

from holdfast.errors import DamagedError
from holdfast.etcd.format.source import short_read
from holdfast.etcd.format.trailer import TRAILER_BYTES

MAX_FRAMES = 1 << 20
MAX_RAW_FRAME_BYTES = 64 * 1024 * 1024
_SKIPPABLE_MAGIC, _TABLE_MAGIC = 0x184D2A5E, 0x8F92EAB1
_HEADER, _FOOTER, _ENTRY = struct.Struct("<II"), struct.Struct("<IBI"), struct.Struct("<II")
_WITH_CHECKSUMS, _RESERVED = 0x80, 0x7C
_CHECKSUM_BYTES = 4

type ReadRange = Callable[[int, int], bytes]
"""Bytes from `start` (inclusive) to `end` (exclusive) of an object."""


def invalid_table(reason: str) -> DamagedError:
    return DamagedError(
        "snapshot_seek_table_invalid",
        f"the table of frames at the end of the compressed snapshot: {reason}",
        hint="The object was cut or changed. If `zstd -t` accepts it, `holdfast snapshot inspect` still reads it.",
    )


@dataclass(slots=True)
class SeekTable:
    """The (compressed, raw) sizes of the frames of an object, in their order. Grows while an object is written."""

    frames: list[tuple[int, int]] = field(default_factory=list)

    @property
    def compressed_size(self) -> int:
        """Without the table itself."""
        return sum(compressed for compressed, _ in self.frames)

    @property
    def raw_size(self) -> int:
        return sum(raw for _, raw in self.frames)

    def to_bytes(self) -> bytes:
        """The skippable frame that goes behind the last frame."""
        body = b"".join(_ENTRY.pack(*sizes) for sizes in self.frames)
        footer = _FOOTER.pack(len(self.frames), 0, _TABLE_MAGIC)
        return _HEADER.pack(_SKIPPABLE_MAGIC, len(body) + len(footer)) + body + footer

    @classmethod
    def from_tail(cls, read_range: ReadRange, object_size: int) -> Self:
        """Reads the table of an object of `object_size` bytes, in two reads. Raises `snapshot_seek_table_invalid`."""
        if object_size < _HEADER.size + _FOOTER.size:
            raise invalid_table(f"an object of {object_size} bytes has none")
        footer = _exactly(read_range, object_size - _FOOTER.size, object_size)
        count, descriptor, magic = _FOOTER.unpack(footer)
        if magic != _TABLE_MAGIC or descriptor & _RESERVED:
            raise invalid_table("there is none")
        if not 0 < count <= MAX_FRAMES:
            raise invalid_table(f"{count} frames, at most {MAX_FRAMES} are read")
        entry_bytes = _ENTRY.size + (_CHECKSUM_BYTES if descriptor & _WITH_CHECKSUMS else 0)
        body_bytes = count * entry_bytes
        start = object_size - _FOOTER.size - body_bytes - _HEADER.size
        if start < 0:
            raise invalid_table(f"{count} frames do not fit into {object_size} bytes")
        table = _exactly(read_range, start, object_size - _FOOTER.size)
        if _HEADER.unpack_from(table) != (_SKIPPABLE_MAGIC, body_bytes + _FOOTER.size):
            raise invalid_table("its header does not fit its footer")
        frames = [_ENTRY.unpack_from(table, at) for at in range(_HEADER.size, len(table), entry_bytes)]
        if any(not compressed or not 0 < raw <= MAX_RAW_FRAME_BYTES for compressed, raw in frames):
            raise invalid_table(f"a frame of no bytes, or of more than {MAX_RAW_FRAME_BYTES} raw ones")
        found = cls([(compressed, raw) for compressed, raw in frames])
        if found.compressed_size != start:
            raise invalid_table(f"frames of {found.compressed_size} bytes before a table at {start}")
        return found


class FrameSource:
    """A PageSource over a compressed object: fetches and decompresses the frames asked for, keeps the last few.

    Memory is at most `cached_frames` raw frames and one compressed one.
    """

    def __init__(self, table: SeekTable, read_range: ReadRange, *, cached_frames: int = 4) -> None:
        self._table, self._read_range, self._cached_frames = table, read_range, cached_frames
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
        frame = decompress_frame(_exactly(self._read_range, start, start + compressed), raw)
        self._frames[index] = frame
        if len(self._frames) > self._cached_frames:
            self._frames.popitem(last=False)
        return frame


def decompress_frame(data: bytes, raw_size: int) -> bytes:
    """One whole frame that must give exactly `raw_size` bytes; its header is asked before memory is taken."""
    try:
        declared = zstandard.frame_content_size(data)
        if declared not in {raw_size, -1}:
            raise invalid_compression(f"a frame says it has {declared} bytes, the table of frames says {raw_size}")
        frame = zstandard.ZstdDecompressor().decompress(data, max_output_size=raw_size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise invalid_compression(f"a frame does not decompress ({error})") from error
    if len(frame) != raw_size:
        raise invalid_compression(f"a frame gave {len(frame)} bytes, the table of frames says {raw_size}")
    return frame


def invalid_compression(reason: str) -> DamagedError:
    return DamagedError(
        "snapshot_compression_invalid",
        reason,
        hint="The compressed file was cut or changed. Fetch it again, or use another backup.",
    )


def _exactly(read_range: ReadRange, start: int, end: int) -> bytes:
    data = read_range(start, end)
    if len(data) != end - start:
        raise invalid_compression(f"bytes {start} to {end} were asked for, {len(data)} came")
    return data
