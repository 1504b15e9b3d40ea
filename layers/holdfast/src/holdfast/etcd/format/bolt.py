"""The tree that bbolt pages make: buckets in the root, and the leaves of a bucket from its last key to its first.

Descending order is what etcd's records ask for (the first record met of a key is its newest) and costs the same. No
page is visited twice, ids stay below the high-water mark, depth is bounded: a damaged tree ends in DamagedError.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from holdfast.errors import DamagedError
from holdfast.etcd.format import page as pages
from holdfast.etcd.format.meta import NO_FREELIST, Meta, read_meta
from holdfast.etcd.format.page import LeafElement, invalid_page
from holdfast.etcd.format.source import PageSource

MAX_DEPTH = 40
# bbolt splits a page before it holds five of the largest requests (1.5 MiB unless configured): far below this.
MAX_PAGE_BYTES = 128 * 1024 * 1024
_PAGE_ID = struct.Struct("<Q")
_BUCKET_HEADER_BYTES = 16  # root page id u64 (0: the only page follows inline), sequence u64

type Leaf = tuple[bytes, list[LeafElement]]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A named tree. `root` is its page, or 0 for a small one that lies `inline` in the page that names it."""

    name: bytes
    root: int
    inline: bytes


class BoltFile:
    """One pass over a database. Each bucket can be read once: a second visit of a page counts as damage."""

    def __init__(self, source: PageSource) -> None:
        self._source = source
        self.meta: Meta = read_meta(source)
        self._visited = bytearray(self.meta.high_water)
        self._visited[:2] = b"\x01\x01"

    @cached_property
    def buckets(self) -> dict[bytes, Bucket]:
        found: dict[bytes, Bucket] = {}
        for data, elements in self._descend(self.meta.root, pages.BUCKET_ELEMENT):
            for name, start, end in elements:
                header = data[start:end][:_BUCKET_HEADER_BYTES]
                if len(header) != _BUCKET_HEADER_BYTES:
                    raise invalid_page(self.meta.root, f"bucket {name!r} has a header of {len(header)} bytes")
                inline = data[start + _BUCKET_HEADER_BYTES : end]
                found[name] = Bucket(name, int.from_bytes(header[:8], "little"), inline)
        return found

    def leaves(self, name: bytes) -> Iterator[Leaf]:
        """The leaves of a bucket, last one first; elements within a leaf ascend."""
        bucket = self._bucket(name)
        if bucket.root:
            return self._descend(bucket.root, kind=0)
        return iter([_inline_leaf(bucket)])

    def items(self, name: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of a small bucket, in no promised order."""
        for data, elements in self.leaves(name):
            for key, start, end in elements:
                yield key, data[start:end]

    def check_freelist(self) -> None:
        """Checks that free pages are in the file and not in use. Call after every bucket was read.

        etcd does not store the list since 3.3; a database that an older one wrote last still has it.
        """
        if self.meta.freelist == NO_FREELIST:
            return
        data, flags, count = self._page(self.meta.freelist)
        if flags != pages.FREELIST:
            raise invalid_page(self.meta.freelist, f"flags {flags:#x} are not those of a freelist")
        start = pages.HEADER_BYTES
        if count == 0xFFFF:  # more than the header can say: the first entry is the count
            count, start = int.from_bytes(data[start : start + 8], "little"), start + 8
        if start + 8 * count > len(data):
            raise invalid_page(self.meta.freelist, f"{count} free pages do not fit")
        for (page_id,) in _PAGE_ID.iter_unpack(data[start : start + 8 * count]):
            self._claim(page_id, 0)

    def _bucket(self, name: bytes) -> Bucket:
        if name not in self.buckets:
            raise DamagedError(
                "snapshot_bucket_missing",
                f"the database has no bucket {name.decode(errors='replace')!r}",
                hint="This is a bbolt file of something else than etcd, or a damaged one.",
            )
        return self.buckets[name]

    def _descend(self, root: int, kind: int) -> Iterator[Leaf]:
        stack: list[list[pages.Child]] = [[(root, b"", None)]]
        while stack:
            if not stack[-1]:
                stack.pop()
                continue
            page_id, low, high = stack[-1].pop()
            data, flags, count = self._page(page_id)
            if flags == pages.LEAF:
                yield data, pages.leaf_elements(data, page_id, count, low, high, kind)
            elif flags != pages.BRANCH:
                raise invalid_page(page_id, f"flags {flags:#x} are neither a branch nor a leaf")
            elif len(stack) > MAX_DEPTH:
                raise invalid_page(page_id, f"the tree is more than {MAX_DEPTH} pages deep")
            else:
                stack.append(pages.branch_children(data, page_id, count, low, high))

    def _page(self, page_id: int) -> tuple[bytes, int, int]:
        """A whole page with its overflow, its flags and its count."""
        size = self.meta.page_size
        if not 2 <= page_id < self.meta.high_water:
            raise invalid_page(page_id, f"referred to, but the database has {self.meta.high_water} pages")
        data = self._source.read(page_id * size, size)
        found, flags, count, overflow = pages.HEADER.unpack_from(data)
        if found != page_id:
            raise invalid_page(page_id, f"its header says {found}")
        self._claim(page_id, overflow)
        if overflow:
            if (overflow + 1) * size > MAX_PAGE_BYTES:
                raise invalid_page(page_id, f"{overflow} overflow pages are more than etcd writes")
            data += self._source.read((page_id + 1) * size, overflow * size)
        return data, flags, count

    def _claim(self, page_id: int, overflow: int) -> None:
        end = page_id + overflow + 1
        if page_id < 2 or end > self.meta.high_water:
            raise invalid_page(page_id, f"{overflow} overflow pages end behind the database")
        if any(self._visited[page_id:end]):
            raise invalid_page(page_id, "is used twice")
        self._visited[page_id:end] = b"\x01" * (overflow + 1)


def _inline_leaf(bucket: Bucket) -> Leaf:
    """A bucket that is a page image inside another page. Its header has the id 0 and no overflow."""
    if len(bucket.inline) < pages.HEADER_BYTES:
        raise invalid_page(0, f"inline bucket {bucket.name!r} has {len(bucket.inline)} bytes")
    found, flags, count, overflow = pages.HEADER.unpack_from(bucket.inline)
    if found or flags != pages.LEAF or overflow:
        raise invalid_page(0, f"inline bucket {bucket.name!r} is no leaf")
    return bucket.inline, pages.leaf_elements(bucket.inline, 0, count, b"", None, kind=0)
