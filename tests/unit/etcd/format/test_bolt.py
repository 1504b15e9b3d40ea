"""The page tree, on databases whose pages were placed by hand. Each change below is one that a hash would not show."""

import struct

import pytest

from builders.bolt_writer import (
    BRANCH,
    LEAF,
    NO_FREELIST,
    BoltWriter,
    Items,
    branch_body,
    leaf_body,
    meta_page,
    page,
)
from holdfast.errors import DamagedError
from holdfast.etcd.format.bolt import MAX_DEPTH, BoltFile
from holdfast.etcd.format.source import BytesSource

ITEMS: Items = [(b"key-%04d" % number, b"value %d" % number * (number % 50)) for number in range(300)]
HIGH_KEY = b"key-9"


def read_all(database: bytes, name: bytes = b"b") -> Items:
    bolt = BoltFile(BytesSource(database))
    found = [
        [(key, data[start:end]) for key, start, end in elements]
        for bucket in bolt.buckets
        for data, elements in bolt.leaves(bucket)
        if bucket == name
    ]
    bolt.check_freelist()
    return [item for leaf in reversed(found) for item in leaf]


def refusal(database: bytes) -> str:
    with pytest.raises(DamagedError) as caught:
        read_all(database)
    return f"{caught.value.code}: {caught.value.message}"


def with_tree(writer: BoltWriter, root: int, freelist: int = NO_FREELIST) -> bytes:
    """A database with one bucket "b" at `root`."""
    top = writer.add(LEAF, 1, leaf_body([(b"b", struct.pack("<QQ", root, 0))], kind=1))
    return writer.metas(top, freelist, 7) + b"".join(writer.pages)


def patched(database: bytes, offset: int, patch: bytes) -> bytes:
    return database[:offset] + patch + database[offset + len(patch) :]


@pytest.mark.parametrize("page_size", [512, 1024, 4096, 65536])
@pytest.mark.parametrize("per_leaf", [1, 7, 400])
def test_every_item_is_read_from_any_page_size_and_shape(page_size: int, per_leaf: int) -> None:
    writer = BoltWriter(page_size, per_leaf=per_leaf)
    assert read_all(writer.database({b"a": [], b"b": ITEMS, b"c": ITEMS[:1]}, inline=(b"c",))) == ITEMS


def test_a_small_bucket_is_read_from_the_page_that_names_it() -> None:
    assert read_all(BoltWriter().database({b"b": ITEMS[:5]}, inline=(b"b",))) == ITEMS[:5]


def test_a_freelist_is_checked_and_may_be_longer_than_its_header_can_say() -> None:
    assert read_all(BoltWriter().database({b"b": ITEMS}, free=3)) == ITEMS
    writer = BoltWriter(512)
    root = writer.tree(ITEMS[:1])
    free_pages = 0x10000
    first = writer.next_id
    writer.pages.append(bytes(512 * free_pages))
    freelist = writer.add(
        0x10, 0xFFFF, struct.pack(f"<{free_pages + 1}Q", free_pages, *range(first, first + free_pages))
    )
    assert read_all(with_tree(writer, root, freelist)) == ITEMS[:1]


@pytest.mark.parametrize(("listed", "reason"), [(2, "used twice"), (1, "end behind"), (999, "end behind")])
def test_a_free_page_that_is_in_use_or_nowhere_is_refused(listed: int, reason: str) -> None:
    writer = BoltWriter()
    root = writer.tree(ITEMS)
    assert reason in refusal(with_tree(writer, root, writer.add(0x10, 1, struct.pack("<Q", listed))))


def test_the_newest_valid_meta_wins() -> None:
    writer = BoltWriter()
    old, new = (
        writer.add(LEAF, 1, leaf_body([(b"b", struct.pack("<QQ", writer.tree(part), 0))], 1))
        for part in (ITEMS[:9], ITEMS)
    )
    body = b"".join(writer.pages)
    for first, second, expected in [(8, 9, ITEMS), (9, 8, ITEMS[:9])]:
        metas = [
            meta_page(number, 4096, root, NO_FREELIST, writer.next_id, txid).ljust(4096, b"\0")
            for number, root, txid in [(0, old, first), (1, new, second)]
        ]
        assert read_all(b"".join(metas) + body) == expected


@pytest.mark.parametrize("page_size", [512, 4096, 16384])
def test_one_damaged_meta_is_survived_and_two_are_not(page_size: int) -> None:
    database = BoltWriter(page_size).database({b"b": ITEMS})
    first, second = (patched(database, offset, b"\xff\xff") for offset in (40, page_size + 40))
    assert read_all(first) == read_all(second) == ITEMS
    assert refusal(patched(first, page_size + 40, b"\xff\xff")).startswith("snapshot_meta_invalid")


@pytest.mark.parametrize("size", [0, 10, 100, 4096, 8192])
def test_a_file_that_ends_early_is_refused(size: int) -> None:
    database = BoltWriter().database({b"b": ITEMS})
    assert refusal(database[:size]).startswith(("snapshot_meta_invalid", "snapshot_truncated"))
    assert refusal(database[:-4096]).startswith("snapshot_truncated")


def test_a_file_of_something_else_is_refused() -> None:
    assert refusal(b"SQLite format 3\0" * 1024).startswith("snapshot_meta_invalid")


def test_a_bucket_that_is_not_there_is_named() -> None:
    with pytest.raises(DamagedError, match=r"snapshot_bucket_missing.*'key'"):
        BoltFile(BytesSource(BoltWriter().database({b"b": ITEMS}))).leaves(b"key")


def test_a_page_that_says_another_id_is_refused() -> None:
    database = BoltWriter().database({b"b": ITEMS})
    assert "page 2: its header says 3" in refusal(patched(database, 2 * 4096, b"\x03"))


@pytest.mark.parametrize("flags", [0, 3, 4, 0x10, 0x8001])
def test_a_page_of_another_kind_is_refused(flags: int) -> None:
    database = BoltWriter().database({b"b": ITEMS})
    assert "page 2: flags" in refusal(patched(database, 2 * 4096 + 8, struct.pack("<H", flags)))


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (10, struct.pack("<H", 9), "an element at"),
        (10, struct.pack("<H", 7), "an element at"),
        (10, struct.pack("<H", 60000), "do not fit"),
        (12, struct.pack("<I", 1), "used twice"),
        (12, struct.pack("<I", 0xFFFFFFFF), "end behind"),
        (16, struct.pack("<I", 1), "flags 0x1"),
        (20, struct.pack("<I", 0x7FFFFFFF), "points to"),
        (24, struct.pack("<I", 0), "not ascending"),
        (24, struct.pack("<I", 0xFFFFFFFF), "an element at"),
        (28, struct.pack("<I", 0xFFFFFFF0), "an element at"),
        (16 + 7 * 16 + 12, struct.pack("<I", 4000), "behind the page"),
    ],
)
def test_a_leaf_whose_numbers_point_elsewhere_is_refused(offset: int, value: bytes, reason: str) -> None:
    database = BoltWriter().database({b"b": ITEMS})
    assert reason in refusal(patched(database, 2 * 4096 + offset, value))


def test_keys_out_of_order_are_refused_within_a_page_and_across_pages() -> None:
    writer = BoltWriter()
    swapped = writer.add(LEAF, 2, leaf_body([ITEMS[1], ITEMS[0]]))
    assert "not ascending" in refusal(with_tree(writer, swapped))
    for first_key, second_key in [(ITEMS[1][0], ITEMS[5][0]), (ITEMS[0][0], ITEMS[1][0]), (HIGH_KEY, HIGH_KEY + b"9")]:
        writer = BoltWriter()
        leaves = [writer.add(LEAF, 3, leaf_body(ITEMS[start : start + 3])) for start in (0, 5)]
        root = writer.add(BRANCH, 2, branch_body([(first_key, leaves[0]), (second_key, leaves[1])]))
        assert "outside the range" in refusal(with_tree(writer, root))


def test_a_tree_that_bites_its_tail_is_refused() -> None:
    writer = BoltWriter()
    root = writer.add(BRANCH, 1, branch_body([(b"key-0000", 2)]))
    assert "used twice" in refusal(with_tree(writer, root))


def test_two_branches_that_share_a_leaf_are_refused() -> None:
    writer = BoltWriter()
    leaf = writer.tree(ITEMS[:3])
    root = writer.add(BRANCH, 2, branch_body([(b"key-0000", leaf), (b"key-1", leaf)]))
    assert refusal(with_tree(writer, root)).startswith("snapshot_page_invalid")


def test_a_tree_without_end_is_refused() -> None:
    writer = BoltWriter()
    root = writer.tree(ITEMS[:3])
    for _ in range(MAX_DEPTH + 2):
        root = writer.add(BRANCH, 1, branch_body([(b"key-0000", root)]))
    assert "pages deep" in refusal(with_tree(writer, root))


@pytest.mark.parametrize("target", [0, 1, 5000, 2**63])
def test_a_pointer_out_of_the_database_is_refused(target: int) -> None:
    writer = BoltWriter()
    root = writer.add(BRANCH, 1, branch_body([(b"key-0000", target)]))
    assert f"page {target}: referred to" in refusal(with_tree(writer, root))


def test_an_empty_branch_is_refused() -> None:
    writer = BoltWriter()
    assert "a branch of 0" in refusal(with_tree(writer, writer.add(BRANCH, 0, b"")))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytes(15),
        bytes(16),
        bytes(16) + page(1, LEAF, 0, b""),
        bytes(16) + page(0, BRANCH, 0, b""),
        bytes(16) + page(0, LEAF, 0, b"", overflow=1),
        bytes(16) + page(0, LEAF, 2, leaf_body(ITEMS[:1])),
    ],
)
def test_an_inline_bucket_that_is_no_page_is_refused(value: bytes) -> None:
    writer = BoltWriter()
    root = writer.add(LEAF, 1, leaf_body([(b"b", value)], kind=1))
    assert refusal(writer.metas(root, NO_FREELIST, 7) + b"".join(writer.pages)).startswith("snapshot_page_invalid")


def test_a_page_larger_than_etcd_writes_is_not_loaded() -> None:
    writer = BoltWriter(65536)
    root = writer.add(LEAF, 1, leaf_body(ITEMS[:1]))
    writer.pages.append(bytes(65536 * 2100))
    database = with_tree(writer, root)
    assert "more than etcd writes" in refusal(patched(database, 2 * 65536 + 12, struct.pack("<I", 2100)))
