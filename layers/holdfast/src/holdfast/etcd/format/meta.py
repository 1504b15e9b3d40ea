"""The two meta pages at the start of a bbolt file; the newest valid one says where everything else is.

After the page header: magic u32, version u32, page size u32, flags u32, root page id u64, root sequence u64, freelist
page id u64, high-water page id u64, transaction id u64, and FNV-1a-64 over those 56 bytes. (Source: bbolt `db.go`.)
"""

import struct
from dataclasses import dataclass

from holdfast.errors import DamagedError
from holdfast.etcd.format.page import HEADER, HEADER_BYTES, META
from holdfast.etcd.format.source import PageSource

NO_FREELIST = 0xFFFF_FFFF_FFFF_FFFF
_MAGIC, _VERSION = 0xED0CDAED, 2
_FIELDS = struct.Struct("<IIIIQQQQQ")
_CHECKSUM = struct.Struct("<Q")
_PAGE_BYTES = HEADER_BYTES + _FIELDS.size + _CHECKSUM.size
_PAGE_SIZES = tuple(1 << power for power in range(9, 17))  # 512 to 65536


@dataclass(frozen=True, slots=True)
class Meta:
    page_size: int
    root: int
    freelist: int
    high_water: int
    txid: int


def fnv1a_64(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFF_FFFF_FFFF_FFFF
    return value


def read_meta(source: PageSource) -> Meta:
    """The valid meta of the highest transaction. One damaged meta is survivable and bbolt survives it too; two are not.

    The second meta lies one page into the file, so with the first one damaged every possible page size is tried.
    """
    first = _meta_at(source, 0, page_size=0)
    sizes = (first.page_size,) if first else _PAGE_SIZES
    second = next((meta for size in sizes if (meta := _meta_at(source, 1, page_size=size))), None)
    metas = [meta for meta in (first, second) if meta]
    if not metas:
        raise _invalid_meta("neither meta page is valid: this is no bbolt database, or its start is damaged")
    meta = max(metas, key=lambda found: found.txid)
    if meta.high_water * meta.page_size > source.size:
        raise DamagedError(
            "snapshot_truncated",
            f"the database says {meta.high_water} pages of {meta.page_size} bytes, the file has {source.size} bytes",
            hint="The file was cut. Take another backup, or fetch this one again.",
        )
    if not (2 <= meta.root < meta.high_water):
        raise _invalid_meta(f"the root page {meta.root} is not in the file")
    return meta


def _invalid_meta(reason: str) -> DamagedError:
    hint = "Check that the file is what `etcdctl snapshot save` wrote. Otherwise use another backup."
    return DamagedError("snapshot_meta_invalid", reason, hint=hint)


def _meta_at(source: PageSource, page_id: int, *, page_size: int) -> Meta | None:
    offset = page_id * page_size
    if offset + _PAGE_BYTES > source.size:
        return None
    data = source.read(offset, _PAGE_BYTES)
    body = data[HEADER_BYTES : HEADER_BYTES + _FIELDS.size]
    magic, version, size, _flags, root, _sequence, freelist, high_water, txid = _FIELDS.unpack(body)
    if magic != _MAGIC or version != _VERSION or size not in _PAGE_SIZES or (page_id and size != page_size):
        return None
    if _CHECKSUM.unpack_from(data, HEADER_BYTES + _FIELDS.size)[0] != fnv1a_64(body):
        return None
    found_id, flags, _count, _overflow = HEADER.unpack_from(data)
    if found_id != page_id or flags != META:
        raise _invalid_meta(f"meta page {page_id} has the header of page {found_id}")
    return Meta(size, root, freelist, high_water, txid)
