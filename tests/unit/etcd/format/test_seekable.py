"""Any range of a compressed snapshot from few frames, and no table is believed that does not add up: in both forms."""

import gzip
import resource
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.compressed import gzip_member, gzip_table, gzip_table_of, packed
from holdfast.errors import DamagedError
from holdfast.etcd.format.seekable import FrameSource, ReadRange, SeekTable
from holdfast.models.backup import Compression

RAW = b"".join(b"record %d\n" % number for number in range(20_000))
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
# What a gzip header has room for.
MOST_MEMBERS = 8_190
in_both_forms = pytest.mark.parametrize("compression", COMPRESSIONS)


def reader(data: bytes) -> ReadRange:
    return lambda start, end: data[start:end]


def refusal(data: bytes, compression: Compression = "zstd") -> str:
    with pytest.raises(DamagedError) as caught:
        SeekTable.from_tail(reader(data), len(data), compression)
    return caught.value.code


def behind_frames(table: SeekTable, tail: bytes) -> tuple[ReadRange, int]:
    """An object of which only the tail is there: reading a frame of it is an error of the test."""
    before = table.compressed_size

    def read_range(start: int, end: int) -> bytes:
        assert start >= before
        return tail[start - before : end - before]

    return read_range, before + len(tail)


@in_both_forms
@given(frames=st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(1, 4 << 20)), min_size=1, max_size=50))
def test_a_table_is_read_as_it_was_written(compression: Compression, frames: list[tuple[int, int]]) -> None:
    table = SeekTable(list(frames), compression)
    assert SeekTable.from_tail(*behind_frames(table, table.to_bytes()), compression) == table


@given(frames=st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(1, 4 << 20)), min_size=1, max_size=50))
def test_the_table_of_gzip_is_written_as_it_is_described(frames: list[tuple[int, int]]) -> None:
    assert SeekTable(list(frames), "gzip").to_bytes() == gzip_table_of(frames)


def test_the_table_of_gzip_ends_where_its_header_is_full() -> None:
    """31.99 GiB of database: what is larger needs zstd on the node."""
    most = SeekTable([(5, 4 << 20)] * MOST_MEMBERS, "gzip")
    assert SeekTable.from_tail(*behind_frames(most, most.to_bytes()), "gzip") == most
    assert gzip.decompress(most.to_bytes()) == b""
    beyond = gzip_table_of([(5, 4 << 20)] * (MOST_MEMBERS - 1))[:-19] + struct.pack(
        "<IBI", MOST_MEMBERS + 1, 0, 0x8F92EAB1
    )
    with pytest.raises(DamagedError, match=f"{MOST_MEMBERS + 1} frames, at most {MOST_MEMBERS}"):
        SeekTable.from_tail(*behind_frames(most, beyond + most.to_bytes()[-10:]), "gzip")


def test_a_table_with_checksums_is_read_too() -> None:
    entries = struct.pack("<III", 10, 100, 0xABCD) + struct.pack("<III", 12, 90, 0xEF01)
    footer = struct.pack("<IBI", 2, 0x80, 0x8F92EAB1)
    data = bytes(22) + struct.pack("<II", 0x184D2A5E, len(entries) + len(footer)) + entries + footer
    assert SeekTable.from_tail(reader(data), len(data)).frames == [(10, 100), (12, 90)]


@in_both_forms
@settings(max_examples=50)
@given(frame_size=st.integers(1, 60_000), offset=st.integers(0, len(RAW) - 33), length=st.integers(1, 90_000))
def test_any_range_is_read_from_its_frames(compression: Compression, frame_size: int, offset: int, length: int) -> None:
    data, _ = packed(RAW, max(frame_size, 2_000), compression)
    source = FrameSource(SeekTable.from_tail(reader(data), len(data), compression), reader(data), cached_frames=2)
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


@in_both_forms
def test_an_object_that_was_cut_or_has_no_table_is_refused(compression: Compression) -> None:
    data, table = packed(RAW, 50_000, compression)
    for cut in (b"", data[:-1], data[1:], data[: -len(table.to_bytes())], data + b"\0"):
        assert refusal(cut, compression) == "snapshot_seek_table_invalid"


@pytest.mark.parametrize(("written", "read"), [("zstd", "gzip"), ("gzip", "zstd")])
def test_a_table_of_the_other_compression_is_refused(written: Compression, read: Compression) -> None:
    data, _ = packed(RAW, 50_000, written)
    assert refusal(data, read) == "snapshot_seek_table_invalid"


@pytest.mark.parametrize("position", [0, 3, 4, 9, 10, 11, 12, 13, 14, 15, -19, -11, -10, -9, -4, -1])
def test_the_member_around_the_table_of_gzip_is_held_to_every_byte(position: int) -> None:
    tail = bytearray(gzip_table_of([(100, 10)]))
    tail[position] ^= 1
    assert refusal(bytes(100) + bytes(tail), "gzip") == "snapshot_seek_table_invalid"


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
    assert refusal(bytes(100) + gzip_table_of(frames, descriptor), "gzip") == "snapshot_seek_table_invalid"


def test_a_table_of_more_frames_than_are_read_is_refused_before_it_is_fetched() -> None:
    footer = struct.pack("<IBI", 0xFFFFFFFF, 0, 0x8F92EAB1)
    with pytest.raises(DamagedError, match="4294967295 frames"):
        SeekTable.from_tail(lambda start, end: footer[: end - start], 1 << 40)
    footer += gzip_table(b"")[-10:]
    with pytest.raises(DamagedError, match="4294967295 frames, at most 8190"):
        SeekTable.from_tail(lambda start, end: footer[: end - start], 1 << 40, "gzip")


@in_both_forms
@pytest.mark.parametrize("raw_size", [1, 9_999, 10_001])
def test_a_frame_of_another_size_than_the_table_says_is_refused(raw_size: int, compression: Compression) -> None:
    data, table = packed(RAW, 10_000, compression)
    compressed = table.frames[0][0]
    table.frames[0] = (compressed, raw_size)
    source = FrameSource(table, reader(data))
    with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
        source.read(0, source.size)


@in_both_forms
@pytest.mark.parametrize("kept", [0, 5, 20])
def test_a_frame_that_does_not_arrive_whole_is_refused(kept: int, compression: Compression) -> None:
    data, table = packed(RAW, 10_000, compression)
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


def read_member(member: bytes, raw_size: int) -> bytes:
    return FrameSource(SeekTable([(len(member), raw_size)], "gzip"), reader(member)).read(0, raw_size - 32)


def test_a_member_gives_exactly_what_the_table_says_and_its_checksum_is_compared() -> None:
    member = gzip_member(RAW[:5_000])
    assert read_member(member, 5_000) == RAW[:4_968]
    flipped = bytearray(member)
    flipped[-5] ^= 1  # the CRC
    spoiled = (
        bytes(flipped),
        member[:-1],
        member[:-8],
        member + b"\0",
        gzip_member(RAW[:2_000]) + gzip_member(RAW[2_000:5_000]),
        member + gzip_member(b""),
    )
    for wrong in spoiled:
        with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
            read_member(wrong, 5_000)


def test_a_member_that_unpacks_to_gigabytes_is_stopped_at_what_the_table_says() -> None:
    bomb = gzip_member(bytes(64 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedError, match="gave more"):
        read_member(bomb, 100_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10


def test_the_whole_object_is_an_ordinary_gzip_file(tmp_path: Path) -> None:
    """The tool itself, because it passes over garbage that Python's reader refuses, and over nothing else."""
    path = tmp_path / "snapshot.db.gz"
    path.write_bytes(packed(RAW, 10_000, "gzip")[0])
    done = subprocess.run(["gzip", "-dc", str(path)], capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", RAW)


@settings(max_examples=200)
@given(data=st.data())
def test_an_object_of_gzip_that_was_damaged_gives_its_own_bytes_or_is_refused(data: st.DataObject) -> None:
    """What the table and the members say is believed only together."""
    sound, _ = packed(RAW[:60_000], 10_000, "gzip")
    spoiled = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 3))):
        spoiled[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DamagedError):
        source = FrameSource(SeekTable.from_tail(reader(bytes(spoiled)), len(spoiled), "gzip"), reader(bytes(spoiled)))
        assert source.read(0, source.size) == RAW[: 60_000 - 32]
