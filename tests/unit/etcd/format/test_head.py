"""What Seal reads of a database without reading all of it: revisions, compaction, members."""

import pytest

from builders.bolt_writer import SMALL_BUCKETS, BoltWriter, Items, delete, etcd_buckets, etcd_database, put
from builders.real_etcd import real_snapshot
from holdfast.errors import DamagedError
from holdfast.etcd.format.head import read_head
from holdfast.etcd.format.source import BytesSource


class CountingSource(BytesSource):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.pages: set[int] = set()

    def read(self, offset: int, length: int) -> bytes:
        self.pages.update(range(offset // 4096, (offset + length - 1) // 4096 + 1))
        return super().read(offset, length)


@pytest.mark.parametrize(
    ("name", "revision", "index", "txid", "pages"), [("a", 2549, 2685, 494, 1718), ("b", 2684, 2845, 548, 1764)]
)
def test_the_head_of_a_real_snapshot_costs_a_handful_of_pages(
    name: str, revision: int, index: int, txid: int, pages: int
) -> None:
    source = CountingSource(real_snapshot(name)[:-32])
    head = read_head(source)
    assert head.model_dump() == {
        "page_size": 4096,
        "high_water_pages": pages,
        "txid": txid,
        "revision": revision,
        "compact_revision": -1,
        "consistent_index": index,
        "members": ("n1", "n2", "n3"),
        "cluster_version": "3.4.0",
    }
    assert len(source.pages) <= 8


def test_a_database_without_a_write_stands_at_revision_one() -> None:
    head = read_head(BytesSource(etcd_database([])))
    assert (head.revision, head.compact_revision, head.consistent_index) == (1, -1, 17)
    assert (head.members, head.cluster_version) == (("n1",), "3.5.0")


def test_a_compaction_that_removed_the_last_record_still_gives_the_revision() -> None:
    assert read_head(BytesSource(etcd_database([put(2, b"a")], finished=9))).revision == 9
    half_done = read_head(BytesSource(etcd_database([put(2, b"a")], finished=3, scheduled=9)))
    assert (half_done.revision, half_done.compact_revision) == (9, 3)


def test_a_deletion_is_a_revision_too() -> None:
    assert read_head(BytesSource(etcd_database([put(2, b"a"), delete(3, b"a")]))).revision == 3


def changed(name: bytes, items: Items) -> bytes:
    return BoltWriter().database(etcd_buckets([put(2, b"a")]) | {name: items}, inline=SMALL_BUCKETS)


def test_members_that_never_started_have_no_name_to_show() -> None:
    members = [(b"1", b'{"id":1,"peerURLs":["http://a"]}'), (b"2", b'{"id":2,"name":"z"}'), (b"3", b'{"name":"b"}')]
    assert read_head(BytesSource(changed(b"members", members))).members == ("b", "z")


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"[]", b'{"name":7}', b"[" * 100_000])
def test_a_member_that_cannot_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(DamagedError, match="snapshot_record_invalid"):
        read_head(BytesSource(changed(b"members", [(b"1", value)])))


@pytest.mark.parametrize("key", [b"consistent_index", b"finishedCompactRev", b"scheduledCompactRev"])
def test_a_mark_of_another_shape_is_refused(key: bytes) -> None:
    with pytest.raises(DamagedError, match="snapshot_record_invalid"):
        read_head(BytesSource(changed(b"meta", [(key, b"1234567")])))


@pytest.mark.parametrize("missing", [b"key", b"meta"])
def test_a_database_of_something_else_than_etcd_is_refused(missing: bytes) -> None:
    buckets = etcd_buckets([put(2, b"a")])
    del buckets[missing]
    with pytest.raises(DamagedError, match="snapshot_bucket_missing"):
        read_head(BytesSource(BoltWriter().database(buckets, inline=SMALL_BUCKETS)))


def test_buckets_that_old_or_new_versions_lack_may_be_missing() -> None:
    buckets = etcd_buckets([put(2, b"a")])
    del buckets[b"members"], buckets[b"cluster"]
    head = read_head(BytesSource(BoltWriter().database(buckets, inline=SMALL_BUCKETS)))
    assert (head.members, head.cluster_version) == ((), "")
