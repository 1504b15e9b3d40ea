"""Verified backups as they lie in a bucket, without a run that made them: small objects, and their name in the
catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from builders.reports import verification
from builders.services import Clock, MemoryServices
from holdfast.models.backup import BackupEntry
from holdfast.models.cluster import ClusterSpec
from holdfast.planning.catalog_key import accept_key, catalog_key
from holdfast.planning.naming import MANIFEST, SNAPSHOT, VERIFIED, backup_id, backup_key
from holdfast.planning.suspicion import ESSENTIAL, resources_digest
from holdfast.storage.memory import MemoryBucket

RESOURCES = (*ESSENTIAL, "pods", "deployments")


@dataclass
class Shelf:
    """A bucket whose clock a test moves, and the clusters that are registered."""

    services: MemoryServices
    clock: Clock

    def put(
        self,
        cluster_id: str,
        taken_at: datetime,
        *,
        stored_at: datetime | None = None,
        keys: int = 1000,
        raw_size: int = 10_000_000,
        resources: Sequence[str] = RESOURCES,
        accepted: bool = False,
    ) -> str:
        """A verified backup; its id."""
        self.clock.now = stored_at or taken_at + timedelta(minutes=2)
        backup = backup_id(taken_at, "recurring", f"{cluster_id} {taken_at}")
        body = b"x" * 100
        entry = BackupEntry(
            cluster_id=cluster_id,
            backup_id=backup,
            kind="recurring",
            taken_at=taken_at,
            size=len(body),
            state="verified",
            raw_size=raw_size,
            live_keys=keys,
            resources=resources_digest(resources),
        )
        report = verification(entry, resources)
        bucket = self.services.bucket
        bucket.put(backup_key(cluster_id, backup, SNAPSHOT), body)
        bucket.put(backup_key(cluster_id, backup, MANIFEST), b"{}")
        bucket.put(backup_key(cluster_id, backup, VERIFIED), report.model_dump_json().encode())
        bucket.put(catalog_key(entry), b"")
        if accepted:
            bucket.put(accept_key(cluster_id, backup), b"")
        return backup


def shelf(*specs: ClusterSpec) -> Shelf:
    clock = Clock()
    services = MemoryServices(bucket=MemoryBucket(clock=clock))
    for spec in specs:
        services.clusters.put(spec, replace=True)
    return Shelf(services, clock)
