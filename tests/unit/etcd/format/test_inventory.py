"""The full reading against real etcd: its key lists, and its own HashKV for the same data."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from builders.bolt_writer import delete, etcd_database, put, signed
from builders.real_etcd import DATA, RealEtcd, real_snapshot, restore, running_etcd
from holdfast.engine.inspect import inspect_file
from holdfast.etcd.format.inventory import read_summary
from holdfast.etcd.format.source import BytesSource
from holdfast.models.database import DatabaseSummary


def summary(database: bytes) -> DatabaseSummary:
    return read_summary(BytesSource(database), "0" * 64, len(database) + 32)


def listed_resources(name: str) -> Counter[str]:
    """The resources of the key list beside a snapshot, by the rule in words: two segments if the first has a dot."""
    counts: Counter[str] = Counter()
    for line in gzip.decompress((DATA / f"kubeadm-{name}.keys.txt.gz").read_bytes()).decode().split():
        first, second = line.split("/")[2:4]
        counts[f"{first}/{second}" if "." in first or first in {"services", "ranges"} else first] += 1
    return counts


def assert_matches(found: DatabaseSummary, etcd: RealEtcd) -> None:
    """The summary tells what the running etcd tells."""
    alive = etcd.live_keys()
    assert found.live_keys == len(alive)
    assert sum(counted.bytes for counted in found.resources.values()) == sum(alive.values())
    assert found.hash_kv == etcd.hash_kv()


@pytest.mark.parametrize(("name", "records", "live", "leases"), [("a", 2548, 1620, 9), ("b", 2683, 1568, 11)])
def test_a_real_snapshot_is_counted_as_its_key_list_says(name: str, records: int, live: int, leases: int) -> None:
    found = summary(real_snapshot(name)[:-32])
    assert {resource: counted.count for resource, counted in found.resources.items()} == listed_resources(name)
    assert (found.records, found.live_keys, found.leases, found.other_keys) == (records, live, leases, 0)
    assert (found.prefixes, found.encryption_keys) == (("/registry",), ())


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_hash_of_a_real_snapshot_is_that_of_an_etcd_restored_from_it(name: str, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.db"
    snapshot.write_bytes(real_snapshot(name))
    assert restore(snapshot, tmp_path / "restored").returncode == 0
    with running_etcd(tmp_path / "restored") as etcd:
        assert_matches(inspect_file(snapshot), etcd)


def test_compactions_and_deletions_change_the_hash_as_in_etcd(tmp_path: Path) -> None:
    with running_etcd(tmp_path / "etcd") as etcd:
        assert_matches(inspect_file(etcd.snapshot(tmp_path / "empty.db")), etcd)
        for number in range(30):
            etcd.put(f"/registry/pods/team/{number % 12}", b"value %d " % number * (number * 20))
        etcd.etcdctl("del", "/registry/pods/team/3")
        etcd.put("/registry/pods/team/gone", b"1")
        etcd.etcdctl("del", "/registry/pods/team/gone")
        assert_matches(inspect_file(etcd.snapshot(tmp_path / "written.db")), etcd)
        for revision in (10, 32, 34):
            etcd.etcdctl("compact", str(revision), "--physical")
            found = inspect_file(etcd.snapshot(tmp_path / f"compacted-{revision}.db"))
            assert found.head.compact_revision == revision
            assert_matches(found, etcd)
        etcd.put("/registry/pods/team/5", b"newer than the compaction")
        etcd.etcdctl("del", "/registry/pods/team/6")
        assert_matches(inspect_file(etcd.snapshot(tmp_path / "after.db")), etcd)
        etcd.etcdctl("del", "", "--prefix")
        assert_matches(inspect_file(etcd.snapshot(tmp_path / "nothing-lives.db")), etcd)
        etcd.etcdctl("compact", str(etcd.hash_kv().revision), "--physical")
        assert_matches(inspect_file(etcd.snapshot(tmp_path / "nothing-left.db")), etcd)


def test_a_half_done_compaction_is_hashed_as_the_member_does_that_runs_it(tmp_path: Path) -> None:
    with running_etcd(tmp_path / "etcd", "--experimental-compaction-batch-limit=1") as etcd:
        for number in range(200):
            etcd.put(f"/registry/pods/team/{number % 100}", b"x" * number)
        etcd.etcdctl("compact", "150")
        found = inspect_file(etcd.snapshot(tmp_path / "half-done.db"))
        assert found.head.compact_revision == -1
        assert found.hash_kv is not None
        assert found.hash_kv.compact_revision == 150
        assert_matches(found, etcd)


def test_a_compaction_half_done_over_nothing_that_lives_has_no_hash() -> None:
    records = [put(2, b"a"), delete(3, b"a"), put(4, b"b"), delete(5, b"b")]
    assert summary(etcd_database(records, finished=1, scheduled=4)).hash_kv is None
    assert summary(etcd_database(records, finished=1, scheduled=1)).hash_kv is not None


def test_a_deletion_kept_at_the_compaction_is_not_hashed() -> None:
    """etcd from 3.4.34 and 3.5.16 on keeps it, earlier ones do not, and both must answer the same."""
    kept = [delete(5, b"a"), put(6, b"b")]
    assert summary(etcd_database(kept, finished=5)).hash_kv == summary(etcd_database(kept[1:], finished=5)).hash_kv
    nothing = summary(etcd_database([], finished=5)).hash_kv
    assert summary(etcd_database(kept[:1], finished=5)).hash_kv == nothing


def test_a_database_made_by_hand_is_hashed_as_by_etcd(tmp_path: Path) -> None:
    records = [
        put(number, b"/registry/pods/a/%d" % (number % 40), b"x" * (number * 7 % 900)) for number in range(2, 200)
    ]
    snapshot = tmp_path / "hand-made.db"
    snapshot.write_bytes(signed(etcd_database(records, finished=None)))
    found = inspect_file(snapshot)
    assert restore(snapshot, tmp_path / "restored").returncode == 0
    with running_etcd(tmp_path / "restored") as etcd:
        assert_matches(found, etcd)
