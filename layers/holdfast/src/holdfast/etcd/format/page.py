"""One bbolt page: header, element table, and the checks that nothing in it points outside it.

Little endian. Header of 16 bytes: id u64, flags u16, count u16, overflow u32 (further pages that belong to this one).
Leaf element: flags u32, pos u32, ksize u32, vsize u32. Branch element: pos u32, ksize u32, page id u64. `pos` counts
from the element itself. bbolt has always written keys and values without a gap, in the order of the elements, right
behind the table; this reader asks for exactly that, so no two elements can share bytes. (Source: bbolt `page.go`,
`node.go`.)
"""

import struct

from holdfast.errors import DamagedError

HEADER_BYTES = 16
BRANCH, LEAF, META, FREELIST = 0x01, 0x02, 0x04, 0x10
BUCKET_ELEMENT = 0x01

HEADER = struct.Struct("<QHHI")
_LEAF_ELEMENT = struct.Struct("<IIII")
_BRANCH_ELEMENT = struct.Struct("<IIQ")

# A key, then the positions in the page where its value begins and ends.
type LeafElement = tuple[bytes, int, int]
# A page id with the keys that bound its content: from the first (inclusive) to the second (exclusive, None: no bound).
type Child = tuple[int, bytes, bytes | None]


def invalid_page(page_id: int, reason: str) -> DamagedError:
    return DamagedError(
        "snapshot_page_invalid",
        f"page {page_id}: {reason}",
        hint="The database is damaged even if its hash fits: use another backup, check the member it came from.",
    )


def leaf_elements(
    page: bytes, page_id: int, count: int, low: bytes, high: bytes | None, kind: int
) -> list[LeafElement]:
    """The elements of a leaf in ascending order. All must be of one `kind`: 0 for plain, BUCKET_ELEMENT for buckets."""
    entry, at = HEADER_BYTES, HEADER_BYTES + 16 * count
    if at > len(page):
        raise invalid_page(page_id, f"{count} elements do not fit")
    elements: list[LeafElement] = []
    previous = b""
    for flags, pos, ksize, vsize in _LEAF_ELEMENT.iter_unpack(page[entry:at]):
        if entry + pos != at or flags != kind:
            raise invalid_page(page_id, f"an element at {entry} has flags {flags:#x} and points to {entry + pos}")
        key = page[at : at + ksize]
        if key <= previous:
            raise invalid_page(page_id, f"keys are not ascending at element {len(elements)}")
        previous = key
        value = at + ksize
        at = value + vsize
        elements.append((key, value, at))
        entry += 16
    _check_bounds(page, page_id, at, elements[0][0] if elements else low, previous, low, high)
    return elements


def branch_children(page: bytes, page_id: int, count: int, low: bytes, high: bytes | None) -> list[Child]:
    """The children of a branch in ascending order, each with the bounds that its keys must keep."""
    entry, at = HEADER_BYTES, HEADER_BYTES + 16 * count
    if not count or at > len(page):
        raise invalid_page(page_id, f"a branch of {count} elements")
    keys: list[bytes] = []
    ids: list[int] = []
    previous = b""
    for pos, ksize, child in _BRANCH_ELEMENT.iter_unpack(page[entry:at]):
        if entry + pos != at:
            raise invalid_page(page_id, f"an element at {entry} points to {entry + pos}")
        key = page[at : at + ksize]
        if key <= previous:
            raise invalid_page(page_id, f"keys are not ascending at element {len(keys)}")
        keys.append(key)
        ids.append(child)
        previous = key
        at += ksize
        entry += 16
    _check_bounds(page, page_id, at, keys[0], previous, low, high)
    return list(zip(ids, keys, [*keys[1:], high], strict=True))


def _check_bounds(
    page: bytes, page_id: int, end: int, first: bytes, last: bytes, low: bytes, high: bytes | None
) -> None:
    if end > len(page):
        raise invalid_page(page_id, f"elements end at {end}, behind the page of {len(page)} bytes")
    if first < low or (high is not None and last >= high):
        raise invalid_page(page_id, "keys lie outside the range that the branch above gives")
