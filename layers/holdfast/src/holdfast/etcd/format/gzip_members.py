"""A snapshot in gzip members; the table lies in the extra field of a last, empty member, which `gzip -d` passes over.

Nodes without zstd write this form. A member (RFC 1952) starts with 1f 8b 08 and flags; with FEXTRA (04) its header
carries XLEN (u16, little endian) and subfields: two letters, a length (u16), data. Ours is `HF`. An empty member ends
in the deflate block 03 00, a CRC of 0 and a size of 0.
"""

import struct
import zlib
from functools import partial

from holdfast.etcd.format.compression import Form, invalid_compression

_START = bytes.fromhex("1f8b 08 04 00000000 00 ff")  # deflate, FEXTRA, no time, unknown system
_SUBFIELD = struct.Struct("<H2sH")
_SUBFIELD_ID = b"HF"
# XLEN counts the subfield's own four bytes too. A table of nine bytes and eight per member names 8,190 of them.
MAX_TABLE_BYTES = 0xFFFF - 4
_GZIP_ONLY = 16 + zlib.MAX_WBITS


def recognizes(start: bytes) -> bool:
    return start.startswith(b"\x1f\x8b")


def whole_member(data: bytes, raw_size: int) -> bytes:
    """One whole member that must give exactly `raw_size` bytes; zlib compares its CRC-32 and its size."""
    unpacker = zlib.decompressobj(_GZIP_ONLY)
    try:
        # One byte more than is allowed: zlib reads a member to its end only while there is room for more.
        raw = unpacker.decompress(data, raw_size + 1)
    except zlib.error as error:
        raise invalid_compression(f"a gzip member does not decompress ({error})") from error
    if len(raw) != raw_size:
        found = f"{len(raw)} bytes" if len(raw) < raw_size else "more"
        raise invalid_compression(f"a gzip member gave {found}, the table of frames says {raw_size}")
    if not unpacker.eof or unpacker.unused_data:
        raise invalid_compression("a gzip member does not end where the table of frames says")
    return raw


def _head(table_bytes: int) -> bytes:
    return _START + _SUBFIELD.pack(table_bytes + 4, _SUBFIELD_ID, table_bytes)


GZIP = Form(
    name="gzip",
    recognizes=recognizes,
    head=_head,
    tail=bytes.fromhex("0300 00000000 00000000"),
    max_table_bytes=MAX_TABLE_BYTES,
    whole=whole_member,
    unpackers=lambda: partial(zlib.decompressobj, _GZIP_ONLY),
    failure=zlib.error,
)
