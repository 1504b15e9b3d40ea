"""Many backups: what is asked of the store grows with thousands of names, and nothing is opened."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders.s3_server import put_beside
from holdfast.engine.catalog import list_backups, look_at_objects, newest_verified
from holdfast.models.backup import BackupEntry
from holdfast.models.retention import RetentionSpec
from holdfast.planning.catalog_key import catalog_key
from holdfast.planning.naming import MANIFEST, SNAPSHOT, VERIFIED, backup_id, backup_key
from holdfast.planning.retention import decide
from holdfast.storage.s3 import S3Bucket

CLUSTER = "prod-1"
NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)


def entry(hours: int) -> BackupEntry:
    moment = NEWEST - timedelta(hours=hours)
    name = backup_id(moment, "recurring", CLUSTER)
    fields = {"cluster_id": CLUSTER, "backup_id": name, "kind": "recurring", "taken_at": moment, "state": "verified"}
    return BackupEntry.model_validate(fields | {"size": 7, "raw_size": 9, "live_keys": 5, "resources": "ff0a1b"})


@pytest.fixture
def calls(direct: Any) -> Counter[str]:
    """What leaves the client, by operation."""
    counted: Counter[str] = Counter()

    def note(model: Any, **_: Any) -> None:
        counted[model.name] += 1

    direct.meta.events.register("before-call.s3", note)
    return counted


@pytest.mark.parametrize(("backups", "lists"), [(1_000, 1), (1_001, 2), (2_500, 3)])
def test_a_thousand_backups_are_one_list_call_and_no_object_is_opened(
    direct: Any, bucket: str, calls: Counter[str], backups: int, lists: int
) -> None:
    entries = [entry(hours) for hours in range(backups)]
    put_beside(bucket, (catalog_key(each) for each in entries))
    # What else lies below the cluster does not count.
    put_beside(bucket, (backup_key(CLUSTER, entries[0].backup_id, name) for name in (MANIFEST, SNAPSHOT, VERIFIED)))
    put_beside(bucket, (f"{CLUSTER}/runs/{number}/plan.json" for number in range(1_500)))
    assert list_backups(S3Bucket(direct, bucket), CLUSTER) == entries
    assert calls == {"ListObjectsV2": lists}


def test_a_look_at_the_objects_lists_those_of_the_backups_and_not_those_of_the_runs(
    direct: Any, bucket: str, calls: Counter[str]
) -> None:
    known = entry(0)
    put_beside(bucket, (backup_key(CLUSTER, known.backup_id, name) for name in (MANIFEST, SNAPSHOT, VERIFIED)))
    put_beside(bucket, [catalog_key(known)])
    put_beside(bucket, (f"{CLUSTER}/runs/{number}/plan.json" for number in range(1_500)))
    assert [each.backup_id for each in look_at_objects(S3Bucket(direct, bucket), CLUSTER)] == [known.backup_id]
    assert calls == {"ListObjectsV2": 2}


@pytest.mark.parametrize(("unverified", "lists"), [(0, 2), (3, 5), (30, 1 + 20 + 2)])
def test_the_newest_verified_backup_is_found_among_the_objects_by_few_calls(
    direct: Any, bucket: str, calls: Counter[str], unverified: int, lists: int
) -> None:
    """Thirty that nobody verified: after twenty all objects are listed, and the catalogue with them."""
    entries = [entry(hours) for hours in range(100)]
    put_beside(bucket, (backup_key(CLUSTER, each.backup_id, name) for each in entries for name in (MANIFEST, SNAPSHOT)))
    put_beside(bucket, (backup_key(CLUSTER, each.backup_id, VERIFIED) for each in entries[unverified:]))
    assert newest_verified(S3Bucket(direct, bucket), CLUSTER) == entries[unverified].backup_id
    assert calls == {"ListObjectsV2": lists}


def test_a_rule_is_decided_over_what_the_catalogue_tells_without_another_call(
    direct: Any, bucket: str, calls: Counter[str]
) -> None:
    put_beside(bucket, (catalog_key(entry(hours)) for hours in range(1_200)))
    listed = list_backups(S3Bucket(direct, bucket), CLUSTER)
    calls.clear()
    verdicts = decide(listed, RetentionSpec(keep_last=10, keep_daily=7), now=NEWEST)
    assert sum(verdict.keep for verdict in verdicts) < 20
    assert calls == {}
