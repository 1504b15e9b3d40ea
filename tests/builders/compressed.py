"""Snapshots compressed in the two forms that nodes and functions write, with the table of frames at the end."""

import zlib

import zstandard

from holdfast.etcd.format.seekable import SeekTable
from holdfast.models.backup import Compression

# The empty member that carries the table, byte by byte as docs/reference/snapshot-format.md has it.
TABLE_START = bytes.fromhex("1f8b 0804 00000000 00ff")
TABLE_END = bytes.fromhex("0300 00000000 00000000")


def gzip_member(raw: bytes) -> bytes:
    """As `gzip -c` writes one from a pipe."""
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(raw) + packer.flush()


def frame(raw: bytes, compression: Compression) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(raw) if compression == "zstd" else gzip_member(raw)


def gzip_table(body: bytes) -> bytes:
    """An empty member around a table: written here by its description, and not by the code under test."""
    subfield = b"HF" + len(body).to_bytes(2, "little") + body
    return TABLE_START + len(subfield).to_bytes(2, "little") + subfield + TABLE_END


def gzip_table_of(frames: list[tuple[int, int]], descriptor: int = 0) -> bytes:
    entries = b"".join(compressed.to_bytes(4, "little") + raw.to_bytes(4, "little") for compressed, raw in frames)
    footer = len(frames).to_bytes(4, "little") + bytes([descriptor]) + 0x8F92EAB1.to_bytes(4, "little")
    return gzip_table(entries + footer)


def packed(raw: bytes, frame_size: int, compression: Compression = "zstd") -> tuple[bytes, SeekTable]:
    """The object, and its table."""
    table, body = SeekTable(compression=compression), b""
    for start in range(0, len(raw), frame_size):
        piece = raw[start : start + frame_size]
        made = frame(piece, compression)
        table.frames.append((len(made), len(piece)))
        body += made
    return body + (gzip_table_of(table.frames) if compression == "gzip" else table.to_bytes()), table
