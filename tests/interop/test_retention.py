"""Retention in versioned buckets with Object Lock, on LocalStack and Ceph: exactly the versions of what goes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from builders.history import every, ids
from builders.s3_server import new_bucket
from builders.services import MemoryServices
from builders.sites import Site
from builders.specs import cluster_spec
from builders.stored_history import CLUSTER, store
from holdfast.engine.catalog import list_backups, look_at_objects
from holdfast.engine.retention import Applied, apply_retention, plan_retention
from holdfast.planning.naming import FILES, MANIFEST, SNAPSHOT, backup_key, bundle_key
from holdfast.storage.base import ObjectLocks
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_locks import S3Locks

DAY = timedelta(days=1)
BACKUPS = every(DAY, 6, cluster=CLUSTER)


@dataclass
class OnS3(MemoryServices):
    """The doubles, with both buckets on a server."""

    client: Any = None
    snapshots: str = ""
    secret: str = ""

    @property
    def locks(self) -> ObjectLocks:
        return S3Locks(self.client, self.snapshots)

    @property
    def secrets_locks(self) -> Any:
        return S3Locks(self.client, self.secret)


@pytest.fixture
def services(site: Site) -> OnS3:
    client = site.client()
    snapshots, secret = (new_bucket(client, locks=True) for _ in range(2))
    made = OnS3(
        client=client,
        snapshots=snapshots,
        secret=secret,
        store=S3Bucket(client, snapshots, checksums=site.checksums),
        secrets=cast("MemoryBucket", S3Bucket(client, secret, checksums=site.checksums)),
    )
    made.clusters.put(cluster_spec(CLUSTER, retention={"keep_last": 4}), replace=True)
    # The store goes by its own clock, and so do locks.
    made.clock.now = datetime.now(UTC)
    store(made, BACKUPS)
    return made


def applied(services: OnS3) -> Applied:
    digest = plan_retention(services, CLUSTER).plan.digest
    return apply_retention(services, CLUSTER, digest=digest, owner="retention")


def versions(services: OnS3, bucket: str) -> list[tuple[str, str]]:
    answer = services.client.list_object_versions(Bucket=bucket)
    return [(each["Key"], each["VersionId"]) for part in ("Versions", "DeleteMarkers") for each in answer.get(part, ())]


def test_every_version_of_what_goes_goes_and_no_version_of_anything_else(services: OnS3) -> None:
    first, kept = BACKUPS[0].backup_id, BACKUPS[-1].backup_id
    for backup in (first, kept):
        # Written over, and removed without its versions, as people do in a console.
        services.writer.put(backup_key(CLUSTER, backup, "runbook.md"), b"again")
        services.client.delete_object(Bucket=services.snapshots, Key=backup_key(CLUSTER, backup, "runbook.md"))
    foreign = [backup_key(CLUSTER, first, "notes.txt"), f"{CLUSTER}0/{first}/{MANIFEST}"]
    for key in [*foreign, *foreign]:
        services.writer.put(key, b"mine")
    before = versions(services, services.snapshots)
    assert list(applied(services).removed) == ids(BACKUPS[:2])
    gone = {backup_key(CLUSTER, each.backup_id, name) for each in BACKUPS[:2] for name in FILES}
    after = versions(services, services.snapshots)
    names = tuple(f"{CLUSTER}/catalog/{each.backup_id}." for each in BACKUPS[:2])
    assert after == [each for each in before if each[0] not in gone and not each[0].startswith(names)]
    assert {key.split("/")[1] for key, _ in versions(services, services.secret)} == set(ids(BACKUPS[2:]))


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_locked_backup_stays_whole_with_its_names_and_nothing_fails(services: OnS3, mode: str) -> None:
    until = (datetime.now(UTC) + DAY).replace(microsecond=0)
    services.client.put_object_retention(
        Bucket=services.snapshots,
        Key=backup_key(CLUSTER, BACKUPS[0].backup_id, SNAPSHOT),
        Retention={"Mode": mode, "RetainUntilDate": until},
    )
    services.secrets_locks.hold(bundle_key(CLUSTER, BACKUPS[1].backup_id, "n1"))
    before = versions(services, services.snapshots)
    oldest = plan_retention(services, CLUSTER).plan.verdicts[-1]
    assert (oldest.keep, oldest.reason) == (True, f"locked until {until:%Y-%m-%dT%H:%M:%SZ}")
    done = applied(services)
    assert [(each.backup_id, each.reason) for each in done.spared] == [(BACKUPS[1].backup_id, "under a legal hold")]
    assert versions(services, services.snapshots) == before
    listed = ids(list_backups(services.reader, CLUSTER))
    assert listed == ids(look_at_objects(services.reader, CLUSTER)) == ids(reversed(BACKUPS))
