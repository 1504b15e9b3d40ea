"""Any range of a compressed snapshot from few frames, and no seek table is believed that does not add up."""

import struct

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DamagedError
from holdfast.etcd.format.seekable import FrameSource, ReadRange, SeekTable

RAW = b"".join(b"record %d\n" % number for number in range(20_000))


def packed(raw: bytes, frame_size: int) -> tuple[bytes, SeekTable]:
    table, body = SeekTable(), b""
    for start in range(0, len(raw), frame_size):
        piece = raw[start : start + frame_size]
        frame = zstandard.ZstdCompressor(level=1).compress(piece)
        table.frames.append((len(frame), len(piece)))
        body += frame
    return body + table.to_bytes(), table


def reader(data: bytes) -> ReadRange:
    return lambda start, end: data[start:end]


def refusal(data: bytes) -> str:
    with pytest.raises(DamagedError) as caught:
        SeekTable.from_tail(reader(data), len(data))
    return caught.value.code


@given(st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(1, 4 << 20)), min_size=1, max_size=50))
def test_a_table_is_read_as_it_was_written(frames: list[tuple[int, int]]) -> None:
    table = SeekTable(list(frames))
    size = table.compressed_size + len(table.to_bytes())
    tail = table.to_bytes()
    read = SeekTable.from_tail(lambda start, end: tail[start - table.compressed_size :][: end - start], size)
    assert read == table


def test_a_table_with_checksums_is_read_too() -> None:
    entries = struct.pack("<III", 10, 100, 0xABCD) + struct.pack("<III", 12, 90, 0xEF01)
    footer = struct.pack("<IBI", 2, 0x80, 0x8F92EAB1)
    data = bytes(22) + struct.pack("<II", 0x184D2A5E, len(entries) + len(footer)) + entries + footer
    assert SeekTable.from_tail(reader(data), len(data)).frames == [(10, 100), (12, 90)]


@settings(max_examples=50)
@given(st.integers(1, 60_000), st.integers(0, len(RAW) - 33), st.integers(1, 90_000))
def test_any_range_is_read_from_its_frames(frame_size: int, offset: int, length: int) -> None:
    data, _ = packed(RAW, max(frame_size, 2_000))
    source = FrameSource(SeekTable.from_tail(reader(data), len(data)), reader(data), cached_frames=2)
    length = min(length, source.size - offset)
    assert source.size == len(RAW) - 32
    assert source.read(offset, length) == RAW[offset : offset + length]


def test_only_the_frames_that_are_asked_for_are_fetched_and_once() -> None:
    data, table = packed(RAW, 10_000)
    fetched: list[tuple[int, int]] = []

    def read_range(start: int, end: int) -> bytes:
        fetched.append((start, end))
        return data[start:end]

    source = FrameSource(table, read_range, cached_frames=2)
    for offset in (0, 100, 10_000, 0, 10_500):
        source.read(offset, 50)
    assert len(fetched) == 2
    source.read(50_000, 10)
    source.read(0, 10)
    assert len(fetched) == 4


def test_a_read_behind_the_database_is_refused() -> None:
    data, table = packed(RAW, 10_000)
    source = FrameSource(table, reader(data))
    for offset, length in [(source.size, 1), (source.size - 5, 6), (-1, 2), (0, -1)]:
        with pytest.raises(DamagedError, match="snapshot_truncated"):
            source.read(offset, length)


def test_an_object_that_was_cut_or_has_no_table_is_refused() -> None:
    data, table = packed(RAW, 50_000)
    for cut in (b"", data[:-1], data[1:], data[: -len(table.to_bytes())], data + b"\0"):
        assert refusal(cut) == "snapshot_seek_table_invalid"


@pytest.mark.parametrize(
    ("frames", "descriptor"),
    [
        ([], 0),
        ([(100, 10)], 0x40),
        ([(101, 10)], 0),
        ([(99, 10)], 0),
        ([(0, 10), (100, 10)], 0),
        ([(100, 65 << 20)], 0),
        ([(100, 0)], 0),
        ([(0xFFFFFFFF, 10)] * 3, 0),
    ],
)
def test_a_table_that_does_not_add_up_is_refused(frames: list[tuple[int, int]], descriptor: int) -> None:
    tail = bytearray(SeekTable(frames).to_bytes())
    tail[-5] = descriptor
    assert refusal(bytes(100) + bytes(tail)) == "snapshot_seek_table_invalid"


def test_a_table_of_more_frames_than_are_read_is_refused_before_it_is_fetched() -> None:
    footer = struct.pack("<IBI", 0xFFFFFFFF, 0, 0x8F92EAB1)
    with pytest.raises(DamagedError, match="4294967295 frames"):
        SeekTable.from_tail(lambda start, end: footer[: end - start], 1 << 40)


@pytest.mark.parametrize("raw_size", [1, 9_999, 10_001])
def test_a_frame_of_another_size_than_the_table_says_is_refused(raw_size: int) -> None:
    data, table = packed(RAW, 10_000)
    compressed = table.frames[0][0]
    table.frames[0] = (compressed, raw_size)
    source = FrameSource(table, reader(data))
    with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
        source.read(0, source.size)


@pytest.mark.parametrize("kept", [0, 5, 20])
def test_a_frame_that_does_not_arrive_whole_is_refused(kept: int) -> None:
    data, table = packed(RAW, 10_000)
    with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
        FrameSource(table, lambda start, _: data[start : start + kept]).read(0, 10)


def test_a_frame_without_its_size_in_the_header_is_held_to_the_table() -> None:
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(RAW[:5_000])
    source = FrameSource(SeekTable([(len(frame), 5_000)]), reader(frame))
    assert source.read(0, 4_968) == RAW[:4_968]
    for wrong in (4_999, 5_001):
        with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
            FrameSource(SeekTable([(len(frame), wrong)]), reader(frame)).read(0, 10)


def test_the_whole_object_is_an_ordinary_zstd_file() -> None:
    data, _ = packed(RAW, 10_000)
    plain = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    assert plain == RAW
