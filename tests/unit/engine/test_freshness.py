"""Freshness is asked of the bucket: what is not there does not count, and what cannot be looked at is not fresh."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from builders.specs import cluster_spec
from builders.stored import RESOURCES, Shelf, shelf
from holdfast.engine.freshness import MOST_LOOKED_AT, check_freshness, tell_changes
from holdfast.engine.services import Services
from holdfast.errors import PermanentError, TransientError
from holdfast.models.freshness import Freshness
from holdfast.planning.catalog_key import catalog_prefix
from holdfast.planning.freshness import codes
from holdfast.planning.naming import DAMAGED, MANIFEST, SNAPSHOT, VERIFIED, backup_key
from holdfast.storage.base import Bucket, ObjectInfo
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied, slow_down
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.routing import Place, RoutedBucket

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY, YEAR = timedelta(days=1), timedelta(days=365)
CLUSTER = "prod-1"


def at(days_ago: int) -> datetime:
    return datetime(2026, 11, 21, 3, 0, tzinfo=UTC) - days_ago * DAY


@pytest.fixture
def site() -> Shelf:
    return shelf(cluster_spec(CLUSTER, schedule={"cron": "0 3 * * *"}))


def look(site: Shelf, cluster_id: str = CLUSTER, *, now: datetime = NOW) -> Freshness:
    site.clock.now = now
    site.services.clock.now = now
    report = check_freshness(site.services)
    return next(each for each in report.clusters if each.cluster_id == cluster_id)


def week(site: Shelf) -> list[str]:
    return [site.put(CLUSTER, at(days)) for days in range(7, -1, -1)]


def test_the_newest_verified_backup_is_fresh(site: Shelf) -> None:
    *_, newest = week(site)
    found = look(site)
    assert (found.state, found.backup_id, found.findings) == ("fresh", newest, ())
    assert found.age_s == 9 * 3600


@pytest.mark.parametrize(
    ("name", "wrong"),
    [(SNAPSHOT, "it has no snapshot"), (MANIFEST, "it has no manifest.json"), (VERIFIED, "it has no verified.json")],
)
def test_a_backup_whose_objects_are_gone_does_not_count(site: Shelf, name: str, wrong: str) -> None:
    *_, before, newest = week(site)
    site.services.bucket.remove([backup_key(CLUSTER, newest, name)])
    found = look(site)
    assert (found.state, found.backup_id, codes(found)) == ("stale", before, ("backup_object_gone", "backup_stale"))
    assert found.findings[0].text == f"{newest}: {wrong}"


def test_a_snapshot_of_another_size_does_not_count(site: Shelf) -> None:
    *_, before, newest = week(site)
    site.services.bucket.put(backup_key(CLUSTER, newest, SNAPSHOT), b"short")
    found = look(site)
    assert found.backup_id == before
    assert "its snapshot has 5 bytes, not 100" in found.findings[0].text


def test_a_backup_that_was_found_damaged_later_does_not_count(site: Shelf) -> None:
    *_, before, newest = week(site)
    site.services.bucket.put(backup_key(CLUSTER, newest, DAMAGED), b"{}")
    assert look(site).backup_id == before


def test_a_bucket_that_somebody_emptied_is_told_and_not_listed_for_ever(site: Shelf) -> None:
    for days in range(60, -1, -1):
        site.services.bucket.remove([backup_key(CLUSTER, site.put(CLUSTER, at(days)), SNAPSHOT)])
    counted = Counted(site.services.bucket)
    site.services.store = counted
    found = look(site)
    assert (found.state, found.backup_id) == ("never", None)
    assert codes(found) == ("backup_object_gone", "never_backed_up")
    assert f"and {MOST_LOOKED_AT - 1} older ones likewise" in found.findings[0].text
    assert counted.lists == 1 + MOST_LOOKED_AT


def test_a_lost_catalogue_is_told_and_its_backups_count(site: Shelf) -> None:
    *_, newest = week(site)
    prefix = catalog_prefix(CLUSTER)
    site.services.bucket.remove([key for key in site.services.bucket.objects if key.startswith(prefix)])
    found = look(site)
    assert (found.state, found.backup_id, codes(found)) == ("fresh", newest, ("catalog_incomplete",))


def test_a_cluster_without_backups_is_not_one_that_cannot_be_listed(site: Shelf) -> None:
    assert codes(look(site)) == ("never_backed_up",)
    week(site)
    site.services.store = FaultyBucket(site.services.bucket, [Fault("list", access_denied, times=99)])
    found = look(site)
    assert (found.state, codes(found)) == ("unknown", ("storage_access_denied",))
    assert found.findings[0].level == "refuse"


def test_a_store_that_does_not_answer_is_neither_fresh_nor_stale(site: Shelf) -> None:
    week(site)

    site.services.store = FaultyBucket(site.services.bucket, [Fault("list", slow_down, times=99)])
    found = look(site)
    assert (found.state, found.findings[0].level) == ("unknown", "warn")


class Broken(MemoryBucket):
    """Raises what nobody foresaw, for one cluster."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        if prefix.startswith("bad/"):
            raise ValueError("nobody foresaw this")
        return super().list(prefix)


def test_what_goes_wrong_for_one_cluster_leaves_the_others_alone() -> None:
    site = shelf(*(cluster_spec(name, schedule={"cron": "0 3 * * *"}) for name in ("bad", "good-1", "good-2")))
    for name in ("bad", "good-1", "good-2"):
        site.put(name, at(0))
    broken = Broken(clock=site.clock)
    broken.objects = site.services.bucket.objects
    site.services.store = broken
    assert codes(look(site, "bad")) == ("unclassified",)
    assert (look(site, "good-1").state, look(site, "good-2").state) == ("fresh", "fresh")


def test_a_name_from_next_year_does_not_hide_that_backups_stopped(site: Shelf) -> None:
    """A run whose clock was a year ahead sorts first; the store knows when it came."""
    site.put(CLUSTER, at(10))
    site.put(CLUSTER, at(9) + YEAR, stored_at=at(9))
    found = look(site)
    assert (found.state, codes(found)) == ("stale", ("backup_stale", "clock_suspect"))
    assert found.age_s == 9 * 86400 + 9 * 3600


def test_a_backup_behind_one_from_next_year_is_found(site: Shelf) -> None:
    newest = site.put(CLUSTER, at(0))
    site.put(CLUSTER, at(3) + YEAR, stored_at=at(3))
    found = look(site)
    assert (found.state, found.backup_id, codes(found)) == ("fresh", newest, ("clock_suspect",))


@pytest.mark.parametrize(("off", "state"), [(-YEAR, "unknown"), (YEAR, "stale")])
def test_a_look_with_a_clock_that_is_a_year_off_finds_nothing_fresh(site: Shelf, off: timedelta, state: str) -> None:
    week(site)
    assert look(site, now=NOW + off).state == state


def test_a_suspicious_backup_is_told_and_not_late(site: Shelf) -> None:
    for days in range(5, 0, -1):
        site.put(CLUSTER, at(days))
    site.put(CLUSTER, at(0), keys=10)
    found = look(site)
    assert (found.state, found.suspicious, codes(found)) == ("fresh", True, ("backup_keys_fell",))


def test_an_accepted_backup_is_not_suspicious(site: Shelf) -> None:
    for days in range(5, 0, -1):
        site.put(CLUSTER, at(days))
    site.put(CLUSTER, at(0), keys=10, accepted=True)
    assert look(site).findings == ()


def test_a_suspicious_backup_whose_objects_are_gone_says_nothing(site: Shelf) -> None:
    for days in range(5, 0, -1):
        site.put(CLUSTER, at(days))
    gone = site.put(CLUSTER, at(0), keys=10)
    site.services.bucket.remove([backup_key(CLUSTER, gone, SNAPSHOT)])
    assert "backup_keys_fell" not in codes(look(site))


def test_vanished_resources_are_told_by_name_with_two_gets(site: Shelf) -> None:
    before = [site.put(CLUSTER, at(days)) for days in range(5, 0, -1)]
    site.put(CLUSTER, at(0), resources=[name for name in RESOURCES if name not in ("secrets", "deployments")])
    counted = Counted(site.services.bucket)
    site.services.store = counted
    found = look(site)
    assert [(each.level, each.code) for each in found.findings] == [
        ("refuse", "resources_vanished"),
        ("warn", "resources_vanished"),
    ]
    assert "no key is left of secrets;" in found.findings[0].text
    assert f"no key is left of deployments; the backup {before[-1]} has some" in found.findings[1].text
    assert (counted.lists, counted.reads) == (2, 2)


def test_a_report_that_cannot_be_read_is_told(site: Shelf) -> None:
    before = [site.put(CLUSTER, at(days)) for days in range(5, 0, -1)]
    site.put(CLUSTER, at(0), resources=[*RESOURCES, "example.com/x"])
    site.services.bucket.put(backup_key(CLUSTER, before[-1], VERIFIED), b"not json")
    assert codes(look(site)) == ("report_unreadable",)


def test_a_report_that_retention_took_leaves_nothing_to_compare(site: Shelf) -> None:
    before = [site.put(CLUSTER, at(days)) for days in range(5, 0, -1)]
    site.put(CLUSTER, at(0), resources=[*RESOURCES, "example.com/x"])
    site.services.bucket.remove([backup_key(CLUSTER, before[-1], VERIFIED)])
    assert look(site).findings == ()


class Counted(MemoryBucket):
    """How many calls a look makes of the bucket."""

    def __init__(self, bucket: MemoryBucket) -> None:
        super().__init__()
        self.objects = bucket.objects
        self.lists = self.reads = 0

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.lists += 1
        return super().list(prefix)

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        self.reads += 1
        return super().read(key, start=start, end=end)


def test_a_cluster_with_a_thousand_backups_takes_two_lists(site: Shelf) -> None:
    for days in range(1000, -1, -1):
        site.put(CLUSTER, at(days))
    counted = Counted(site.services.bucket)
    site.services.store = counted
    assert look(site).state == "fresh"
    assert (counted.lists, counted.reads) == (2, 0)


def test_one_cluster_is_looked_at_by_name_and_an_unknown_one_is_an_error(site: Shelf) -> None:
    week(site)
    site.services.clusters.put(cluster_spec("prod-2"), replace=True)
    assert [each.cluster_id for each in check_freshness(site.services, [CLUSTER]).clusters] == [CLUSTER]
    with pytest.raises(PermanentError, match="cluster_unknown"):
        check_freshness(site.services, ["prod-9"])


def told(site: Shelf, *, now: datetime = NOW) -> bool:
    site.services.clock.now = now
    return tell_changes(site.services, check_freshness(site.services))


def test_a_change_is_told_once_and_its_end_too(site: Shelf) -> None:
    site.put(CLUSTER, at(5))
    assert [told(site), told(site), told(site, now=NOW + DAY)] == [True, False, False]
    site.put(CLUSTER, at(0))
    assert [told(site), told(site)] == [True, False]
    first, second = site.services.notifier.freshness
    assert [codes(each) for each in first.worse] == [("backup_stale",)]
    assert (second.worse, second.cleared) == ((), (CLUSTER,))


def test_what_could_not_be_told_is_told_next_time(site: Shelf) -> None:
    site.put(CLUSTER, at(5))
    site.services.notifier.fail("publish_freshness", TransientError("notify_unavailable", "503"))
    with pytest.raises(TransientError):
        told(site)
    assert told(site) is True


def test_what_was_told_and_not_remembered_is_told_again(site: Shelf) -> None:
    site.put(CLUSTER, at(5))
    site.services.freshness_notes.fail("remember", TransientError("state_unavailable", "503"))
    with pytest.raises(TransientError):
        told(site)
    assert told(site) is True
    assert len(site.services.notifier.freshness) == 2


def copied(site: Shelf) -> MemoryBucket:
    """S3 has copied everything that is there now."""
    copies = MemoryBucket(clock=site.clock)
    copies.objects = dict(site.services.bucket.objects)
    site.services.copied = copies
    return copies


def look_at_copies(site: Shelf) -> Freshness:
    site.services.clock.now = NOW
    (found,) = check_freshness(site.services, copies=True).clusters
    return found


def test_a_copy_that_is_there_says_nothing(site: Shelf) -> None:
    week(site)
    copied(site)
    assert look_at_copies(site).findings == ()


@pytest.mark.parametrize(("name", "wrong"), [(SNAPSHOT, "no copy of its snapshot"), (MANIFEST, "of its manifest")])
def test_a_copy_that_is_not_there_is_told(site: Shelf, name: str, wrong: str) -> None:
    *_, newest = week(site)
    copied(site).remove([backup_key(CLUSTER, newest, name)])
    found = look_at_copies(site)
    assert (found.state, codes(found)) == ("fresh", ("copy_missing",))
    assert wrong in found.findings[0].text


def test_a_copy_of_another_size_is_told(site: Shelf) -> None:
    *_, newest = week(site)
    copied(site).put(backup_key(CLUSTER, newest, SNAPSHOT), b"short")
    assert "has 5 bytes, not 100" in look_at_copies(site).findings[0].text


def test_a_backup_of_the_last_hours_may_be_on_its_way(site: Shelf) -> None:
    week(site)
    copies = copied(site)
    site.put(CLUSTER, NOW - timedelta(hours=2))
    assert look_at_copies(site).findings == ()
    copies.objects.clear()
    assert at(0).strftime("%Y%m%dT%H%M%SZ") in look_at_copies(site).findings[0].text


def test_copies_that_cannot_be_listed_say_nothing_of_the_backup(site: Shelf) -> None:
    week(site)
    copied(site)

    class Denied(MemoryBucket):
        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            raise PermanentError("storage_access_denied", f"{prefix}: no")

    site.services.copied = Denied()
    found = look_at_copies(site)
    assert (found.state, codes(found), found.needs_a_look) == ("fresh", ("copy_unknown",), False)


def test_without_copies_there_is_nothing_to_miss(site: Shelf) -> None:
    week(site)
    assert look_at_copies(site).findings == ()
    copied(site).objects.clear()
    assert look(site).findings == ()


def test_a_spec_that_cannot_be_read_is_one_cluster_of_which_nothing_is_known(site: Shelf) -> None:
    week(site)
    error = PermanentError("cluster_unreadable", "another version wrote it")
    site.services.clusters.unreadable = {"alpha": error, "zeta": error}
    site.services.clock.now = NOW
    report = check_freshness(site.services)
    assert [(each.cluster_id, each.state) for each in report.clusters] == [
        ("alpha", "unknown"),
        (CLUSTER, "fresh"),
        ("zeta", "unknown"),
    ]


def test_a_cluster_with_a_store_of_its_own_is_asked_there() -> None:
    """And a store that refuses is that cluster's finding alone."""
    names = ("own", "refused", "usual")
    site = shelf(*(cluster_spec(name, schedule={"cron": "0 3 * * *"}) for name in names))
    newest = {name: site.put(name, at(0)) for name in names}
    own = MemoryBucket("own", clock=site.clock)
    for key in [key for key in site.services.bucket.objects if key.startswith("own/")]:
        own.objects[f"etcd/{key}"] = site.services.bucket.objects.pop(key)
    refused = FaultyBucket(MemoryBucket(), [Fault("list", access_denied, times=99)])
    places: dict[str, Place[Bucket]] = {"own": Place(own, "etcd"), "refused": Place(refused)}
    usual: Place[Bucket] = Place(site.services.bucket)
    services = RoutedServices(site, RoutedBucket(lambda name: places.get(name, usual)))
    site.services.clock.now = NOW
    found = {each.cluster_id: each for each in check_freshness(cast("Services", services)).clusters}
    assert {name: each.state for name, each in found.items()} == {
        "own": "fresh",
        "refused": "unknown",
        "usual": "fresh",
    }
    assert (found["own"].backup_id, found["usual"].backup_id) == (newest["own"], newest["usual"])


class RoutedServices:
    """Those of a shelf, with another reader."""

    def __init__(self, site: Shelf, reader: RoutedBucket) -> None:
        self.clusters, self.clock, self.reader = site.services.clusters, site.services.clock, reader


def test_a_name_from_next_year_does_not_hide_an_emptied_cluster(site: Shelf) -> None:
    week(site)
    site.put(CLUSTER, at(-365), stored_at=at(1))
    site.put(CLUSTER, NOW - timedelta(hours=1), keys=3)
    assert "backup_keys_fell" in codes(look(site))
