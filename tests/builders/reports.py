"""What a verification writes, for databases that nobody made."""

from collections.abc import Sequence
from datetime import timedelta

from holdfast.models.backup import BackupEntry, VerificationReport
from holdfast.models.database import DatabaseHead, DatabaseSummary, ResourceCount


def database(live_keys: int, resources: Sequence[str]) -> DatabaseSummary:
    return DatabaseSummary(
        sha256="0" * 64,
        size=1,
        head=DatabaseHead(page_size=4096, high_water_pages=1, txid=1, revision=1, compact_revision=-1),
        records=live_keys,
        live_keys=live_keys,
        prefixes=("/registry",),
        resources={name: ResourceCount(count=1, bytes=1) for name in resources},
        other_keys=0,
        leases=0,
        encryption_keys=(),
        hash_kv=None,
    )


def verification(entry: BackupEntry, resources: Sequence[str]) -> VerificationReport:
    return VerificationReport(
        cluster_id=entry.cluster_id,
        backup_id=entry.backup_id,
        verified_at=entry.taken_at + timedelta(minutes=2),
        manifest_sha256="0" * 64,
        seconds=1.0,
        database=database(entry.live_keys, resources),
    )
