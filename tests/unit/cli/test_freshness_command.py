"""`holdfast freshness`: a table for people, JSON for programs, and an exit code for scripts."""

from datetime import UTC, datetime, timedelta

import pytest

from builders.command_line import holdfast
from builders.specs import cluster_spec
from builders.stored import Shelf, shelf
from holdfast.cli.freshness import age
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAILY = {"cron": "0 3 * * *"}


def at(days_ago: int) -> datetime:
    return NOW.replace(hour=3) - timedelta(days=days_ago)


@pytest.fixture
def site() -> Shelf:
    made = shelf(cluster_spec("prod-1", schedule=DAILY), cluster_spec("prod-2", schedule=DAILY | {"paused": True}))
    made.services.clock.now = NOW
    return made


def test_fresh_and_paused_clusters_exit_with_0(site: Shelf) -> None:
    newest = site.put("prod-1", at(0))
    ended = holdfast("freshness", services=site.services)
    header, first, second = ended.stdout.splitlines()
    assert header.split() == ["CLUSTER", "LAST", "VERIFIED", "AGE", "EXPECTED", "STATE", "FINDINGS"]
    assert first.split() == ["prod-1", newest, "9", "h", "00", "min", "within", "25", "h", "00", "min", "fresh", "-"]
    assert second.split() == ["prod-2", "-", "-", "-", "paused", "-"]
    assert ended.code == 0


def test_a_stale_cluster_exits_with_1_and_says_what_to_do(site: Shelf) -> None:
    site.put("prod-1", at(10))
    ended = holdfast("freshness", services=site.services)
    assert ended.code == 1
    assert "10 d 09 h" in ended.stdout
    assert "prod-1: refuse[backup_stale]: the last verified backup is of 2026-11-11 03:00 UTC" in ended.stdout
    assert "hint: holdfast run list prod-1" in ended.stdout


def test_a_suspicious_backup_exits_with_1(site: Shelf) -> None:
    for days in range(5, 0, -1):
        site.put("prod-1", at(days))
    backup = site.put("prod-1", at(0), keys=3)
    ended = holdfast("freshness", "prod-1", "-o", "json", services=site.services)
    (cluster,) = ended.value["clusters"]
    assert (ended.code, cluster["state"], cluster["suspicious"]) == (1, "fresh", True)
    assert (cluster["backup_id"], cluster["findings"][0]["code"]) == (backup, "backup_keys_fell")


def test_a_bucket_that_refuses_exits_with_1_and_is_no_cluster_without_backups(site: Shelf) -> None:
    site.put("prod-1", at(0))
    site.services.store = FaultyBucket(site.services.bucket, [Fault("list", access_denied, times=99)])
    ended = holdfast("freshness", "prod-1", services=site.services)
    assert ended.code == 1
    assert "unknown" in ended.stdout
    assert "never" not in ended.stdout


def test_one_cluster_by_its_id_and_an_unknown_one(site: Shelf) -> None:
    site.put("prod-1", at(10))
    assert holdfast("freshness", "prod-2", services=site.services).code == 0
    unknown = holdfast("freshness", "prod-9", "-o", "json", services=site.services)
    assert (unknown.code, unknown.error["code"]) == (1, "cluster_unknown")


def test_without_clusters_it_says_so() -> None:
    ended = holdfast("freshness", services=shelf().services)
    assert (ended.code, ended.stdout) == (0, "no cluster is registered: holdfast cluster apply -f FILE\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0.00 s"), (3600, "1 h 00 min"), (172_799, "47 h 59 min"), (176_400, "2 d 01 h")],
)
def test_an_age_in_words(seconds: int | None, text: str) -> None:
    assert age(seconds) == text
