"""A snapshot in zstd frames; the table lies in a skippable frame, which `zstd -d` passes over.

(Source: zstd contrib/seekable_format. Skippable magic 0x184D2A5E, then the length of what follows, u32, little endian.)
"""

import struct

import zstandard

from holdfast.etcd.format.compression import Form, invalid_compression

_MAX_WINDOW_BYTES = 1 << 27  # what `zstd -d` accepts without being told to take more
_MAGIC, _SKIPPABLE_MAGICS, _TABLE_MAGIC = 0xFD2FB528, range(0x184D2A50, 0x184D2A60), 0x184D2A5E


def recognizes(start: bytes) -> bool:
    """Whether the first four bytes or more of a file begin a frame, be it a skippable one."""
    magic = int.from_bytes(start[:4], "little")
    return len(start) >= 4 and (magic == _MAGIC or magic in _SKIPPABLE_MAGICS)


def whole_frame(data: bytes, raw_size: int) -> bytes:
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


ZSTD = Form(
    name="zstd",
    recognizes=recognizes,
    head=lambda table_bytes: struct.pack("<II", _TABLE_MAGIC, table_bytes),
    tail=b"",
    max_table_bytes=0xFFFFFFFF,
    whole=whole_frame,
    unpackers=lambda: zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj,
    failure=zstandard.ZstdError,
)
