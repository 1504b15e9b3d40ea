"""A snapshot file of any form: plain, any way of zstd or gzip, cut, rotten, endless: it is read or refused in words."""

import gzip
import io
import struct
from pathlib import Path

import pytest
import zstandard

from builders.bolt_writer import etcd_database, put, signed
from builders.compressed import gzip_member, gzip_table_of
from builders.real_etcd import DATA, real_snapshot
from holdfast.engine.inspect import decompress, inspect_file, unpack_stream
from holdfast.errors import DamagedError, InvalidInputError, PermanentError
from holdfast.etcd.format.compression import MAX_FRAMES
from holdfast.etcd.format.seekable import SeekTable

SNAPSHOT = signed(etcd_database([put(number, b"/registry/pods/a/%d" % number, b"v" * 500) for number in range(2, 90)]))

TABLE = SeekTable([(100, 10_000)] * 5).to_bytes()
GZIP_TABLE = gzip_table_of([(100, 10_000)] * 5)


def frames(raw: bytes, size: int) -> bytes:
    return b"".join(zstandard.compress(raw[start : start + size]) for start in range(0, len(raw), size))


def members(raw: bytes, size: int) -> bytes:
    return b"".join(gzip_member(raw[start : start + size]) for start in range(0, len(raw), size))


def skippable(content: bytes, magic: int = 0x184D2A50) -> bytes:
    return struct.pack("<II", magic, len(content)) + content


COMPRESSED = {
    "one frame": zstandard.compress(SNAPSHOT),
    "one frame without its size": zstandard.ZstdCompressor(write_content_size=False).compress(SNAPSHOT),
    "one frame with a checksum": zstandard.ZstdCompressor(write_checksum=True).compress(SNAPSHOT),
    "frames and a seek table": frames(SNAPSHOT, 10_000) + TABLE,
    "skippable frames around": skippable(b"x" * 9_000) + zstandard.compress(SNAPSHOT) + TABLE,
    "frames of a byte": frames(SNAPSHOT[:64], 1) + zstandard.compress(SNAPSHOT[64:]),
    "an empty frame": zstandard.compress(b"") + zstandard.compress(SNAPSHOT),
    "one member": gzip_member(SNAPSHOT),
    "a member with a name and a time": gzip.compress(SNAPSHOT, mtime=1_760_000_000),
    "members and a table": members(SNAPSHOT, 10_000) + GZIP_TABLE,
    "members of a byte": members(SNAPSHOT[:64], 1) + gzip_member(SNAPSHOT[64:]),
    "an empty member": gzip_member(b"") + gzip_member(SNAPSHOT),
    "a table before the members": GZIP_TABLE + gzip_member(SNAPSHOT),
}


def inspect_bytes(tmp_path: Path, data: bytes, name: str = "snapshot") -> str:
    """The SHA-256 found, or the code of the refusal."""
    path = tmp_path / name
    path.write_bytes(data)
    try:
        return inspect_file(path).sha256
    except DamagedError as error:
        return error.code


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_compressed_file_and_a_plain_one_give_the_same_summary(name: str, tmp_path: Path) -> None:
    plain = tmp_path / "any-name"
    plain.write_bytes(real_snapshot(name))
    found = inspect_file(DATA / f"kubeadm-{name}.db.zst", work_dir=tmp_path)
    assert found == inspect_file(plain)
    assert found.size == plain.stat().st_size
    assert list(tmp_path.iterdir()) == [plain]


@pytest.mark.parametrize("form", COMPRESSED)
def test_every_form_of_zstd_and_gzip_is_read_whatever_the_name_says(form: str, tmp_path: Path) -> None:
    assert inspect_bytes(tmp_path, COMPRESSED[form], "snapshot.db") == SNAPSHOT[-32:].hex()


@pytest.mark.parametrize("form", COMPRESSED)
@pytest.mark.parametrize("chunk", [1, 7, 4096, 5000, 1 << 20])
def test_a_stream_may_come_in_chunks_of_any_size(form: str, chunk: int) -> None:
    data, out = COMPRESSED[form], io.BytesIO()
    chunks = (data[start : start + chunk] for start in range(0, len(data), chunk))
    assert unpack_stream(chunks, out) == (SNAPSHOT[-32:].hex(), len(SNAPSHOT))
    assert out.getvalue() == SNAPSHOT


@pytest.mark.parametrize("form", COMPRESSED)
def test_a_compressed_snapshot_cut_anywhere_is_refused(form: str, tmp_path: Path) -> None:
    """Between two frames the compression shows nothing: there the missing trailer does."""
    data = COMPRESSED[form].removesuffix(TABLE).removesuffix(GZIP_TABLE)
    for length in {4, 5, 9, 100, len(data) - 1} | set(range(0, len(data), max(len(data) // 40, 1))):
        assert inspect_bytes(tmp_path, data[:length]).startswith("snapshot_")


@pytest.mark.parametrize(("form", "table"), [("frames and a seek table", TABLE), ("members and a table", GZIP_TABLE)])
@pytest.mark.parametrize("kept", [1, 4, 8, 9, -1])
def test_a_cut_in_the_seek_table_is_refused(form: str, table: bytes, kept: int, tmp_path: Path) -> None:
    data = COMPRESSED[form].removesuffix(table)
    assert inspect_bytes(tmp_path, data) == SNAPSHOT[-32:].hex()
    assert inspect_bytes(tmp_path, data + table[:kept]) == "snapshot_compression_invalid"


@pytest.mark.parametrize("garbage", [b"\0", b"\0" * 512, b"garbage", b"\x1f", b"\x1f\x8b", zstandard.compress(b"more")])
def test_what_stands_behind_the_last_member_is_refused_although_gzip_passes_over_it(
    garbage: bytes, tmp_path: Path
) -> None:
    for form in ("one member", "members and a table"):
        assert inspect_bytes(tmp_path, COMPRESSED[form] + garbage) == "snapshot_compression_invalid"


def test_a_member_whose_checksum_does_not_fit_is_refused(tmp_path: Path) -> None:
    data = bytearray(COMPRESSED["one member"])
    data[-5] ^= 1
    assert inspect_bytes(tmp_path, bytes(data)) == "snapshot_compression_invalid"


def test_a_stream_that_is_no_zstd_is_refused(tmp_path: Path) -> None:
    data = COMPRESSED["one frame"]
    for wrong in (data + b"garbage", data[:4] + b"\xff" * 500, data + data[:10]):
        assert inspect_bytes(tmp_path, wrong) == "snapshot_compression_invalid"
    assert inspect_bytes(tmp_path, data + data) == "snapshot_truncated"
    for chunks in ([], [b""], [SNAPSHOT], [b"\x28"], [b"\x1f"]):
        with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
            list(decompress(chunks))


def test_what_is_no_snapshot_is_refused_by_its_trailer(tmp_path: Path) -> None:
    assert inspect_bytes(tmp_path, b"") == "snapshot_empty"
    assert inspect_bytes(tmp_path, SNAPSHOT[:-32]) == "snapshot_hash_missing"
    assert inspect_bytes(tmp_path, SNAPSHOT[:-1]) == "snapshot_truncated"
    assert inspect_bytes(tmp_path, b"apiVersion: v1\n") == "snapshot_empty"
    assert inspect_bytes(tmp_path, signed(b"apiVersion: v1\n".ljust(1024))) == "snapshot_meta_invalid"


@pytest.mark.parametrize(
    "bomb", [zstandard.compress(bytes(400 << 20)), gzip_member(bytes(100 << 20))], ids=["zstd", "gzip"]
)
def test_a_stream_that_grows_beyond_its_limit_is_stopped(bomb: bytes) -> None:
    assert len(bomb) < 500_000
    out = io.BytesIO()
    with pytest.raises(PermanentError, match="snapshot_too_large"):
        unpack_stream([bomb], out, max_size=64 << 20)
    assert len(out.getvalue()) <= 64 << 20


@pytest.mark.parametrize(
    ("name", "empty"), [("zstd", zstandard.compress(b"")), ("gzip", gzip_member(b""))], ids=["zstd", "gzip"]
)
def test_a_stream_of_endless_empty_frames_is_stopped(name: str, empty: bytes) -> None:
    with pytest.raises(DamagedError, match=f"more than 1048576 {name} frames"):
        unpack_stream((empty * 400 for _ in range(MAX_FRAMES // 400 + 1)), io.BytesIO())


def test_a_window_larger_than_memory_should_pay_for_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(SNAPSHOT) + compressor.flush()
    with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
        unpack_stream([data], io.BytesIO())


def test_a_source_that_fails_in_mid_stream_is_not_called_damage() -> None:
    def chunks() -> object:
        yield COMPRESSED["one frame"][:100]
        raise ConnectionResetError("reset by peer")

    with pytest.raises(ConnectionResetError):
        unpack_stream(chunks(), io.BytesIO())  # type: ignore[arg-type]


def test_a_file_that_cannot_be_read_is_the_callers_mistake(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing-here"):
        with pytest.raises(InvalidInputError, match="file_unreadable"):
            inspect_file(path)


def test_a_full_disk_is_not_called_damage() -> None:
    full = Path("/dev/full")
    with full.open("wb", buffering=0) as out, pytest.raises(OSError, match="No space left"):
        unpack_stream([COMPRESSED["one frame"]], out)
