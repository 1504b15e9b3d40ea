"""Verify: read the whole object back, unpack it, read every page, and hold the result against the manifest."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

from holdfast.engine.catalog import load_manifest
from holdfast.engine.indexing import tell_damaged, tell_verified
from holdfast.engine.progress import enter
from holdfast.engine.readback import read_back, refuse_short_disk
from holdfast.engine.services import Services
from holdfast.engine.signing import signature_state
from holdfast.errors import DamagedError, PermanentError, RefusedError
from holdfast.etcd.format.inventory import read_summary
from holdfast.etcd.format.source import FileSource
from holdfast.etcd.format.trailer import TRAILER_BYTES
from holdfast.models.backup import DamageReport, Manifest, VerificationReport
from holdfast.models.database import DatabaseSummary
from holdfast.models.run import BackupRun
from holdfast.planning.naming import DAMAGED, VERIFIED, backup_key
from holdfast.signing.base import Signing
from holdfast.storage.base import ObjectReader

type Clock = Callable[[], datetime]


# Sound, and yet nothing to count on.
_DIRTY = "backup_possibly_dirty"


def verify(services: Services, run: BackupRun, work_dir: Path) -> VerificationReport | None:
    """The state Verify. None for a backup that is possibly dirty: it was read back, and its manifest says the rest."""
    enter(services, run, "Verify")
    try:
        return verify_and_record(services, run.cluster_id, run.backup_id, work_dir=work_dir)
    except RefusedError as error:
        if error.code != _DIRTY:
            raise
        return None


def verify_and_record(
    services: Services,
    cluster_id: str,
    backup: str,
    *,
    work_dir: Path,
    progress: Callable[[int], None] | None = None,
) -> VerificationReport:
    """Damage is recorded beside the backup before the error leaves; then the backup no longer counts as one.

    The first report of a sound backup stands: a later one differs from it in the time that it names and nothing else.
    The catalogue is told either way. RefusedError `backup_possibly_dirty` for one that was forced, when it was read
    back and is sound: nothing is recorded, as reading cannot tell whether database and files belong together.
    """
    try:
        report = verify_backup(
            services.reader,
            cluster_id,
            backup,
            signing=services.signing,
            work_dir=work_dir,
            clock=services.clock,
            progress=progress,
        )
    except DamagedError as error:
        _record_damage(services, cluster_id, backup, error)
        raise
    manifest, _ = load_manifest(services.reader, cluster_id, backup)
    if manifest.possibly_dirty:
        raise RefusedError(
            _DIRTY,
            f"{backup} can be read whole, and is possibly dirty: it was forced, and the cluster may have been changing",
            hint=f"holdfast backup run {cluster_id} makes one that can be verified, when no rollout is in progress.",
        )
    body = report.model_dump_json(indent=2).encode()
    try:
        services.writer.put_if_absent(backup_key(cluster_id, backup, VERIFIED), body)
    except RefusedError:
        report = load_report(services.reader, cluster_id, backup)
    tell_verified(services, report)
    return report


def _record_damage(services: Services, cluster_id: str, backup: str, error: DamagedError) -> None:
    report = DamageReport(
        cluster_id=cluster_id, backup_id=backup, found_at=services.clock(), code=error.code, message=error.message
    )
    services.writer.put(backup_key(cluster_id, backup, DAMAGED), report.model_dump_json(indent=2).encode())
    tell_damaged(services, cluster_id, backup)


def verify_backup(
    reader: ObjectReader,
    cluster_id: str,
    backup: str,
    *,
    signing: Signing,
    work_dir: Path,
    clock: Clock,
    progress: Callable[[int], None] | None = None,
) -> VerificationReport:
    """Needs free space for the unpacked database in `work_dir` (RefusedError `disk_short`); leaves nothing there.
    DamagedError says what is wrong. RefusedError `manifest_signature_invalid` before anything is read: that is no
    damage of this backup, and nothing that a listing or retention should hear of."""
    started = clock()
    manifest, body = load_manifest(reader, cluster_id, backup)
    signature = signature_state(reader, signing, cluster_id, backup, body)
    refuse_short_disk(work_dir, manifest.snapshot.raw_size)
    with TemporaryFile(dir=work_dir) as file:
        read_back(reader, manifest.snapshot, file, progress=progress)
        sent = manifest.snapshot
        source = FileSource(file.fileno(), sent.raw_size - TRAILER_BYTES)
        summary = read_summary(source, sent.sha256, sent.raw_size)
    compare(manifest, summary)
    finished = clock()
    return VerificationReport(
        cluster_id=cluster_id,
        backup_id=backup,
        verified_at=finished,
        manifest_sha256=hashlib.sha256(body).hexdigest(),
        seconds=round((finished - started).total_seconds(), 3),
        database=summary,
        signature=signature,
    )


def compare(manifest: Manifest, summary: DatabaseSummary) -> None:
    """What sealing read from a few pages must be what reading all of them gives."""
    if summary.head != manifest.database:
        differing = sorted(
            name
            for name in type(summary.head).model_fields
            if getattr(summary.head, name) != getattr(manifest.database, name)
        )
        raise DamagedError("manifest_mismatch", f"the database and the manifest disagree about {', '.join(differing)}")


def load_report(reader: ObjectReader, cluster_id: str, backup: str) -> VerificationReport:
    """The stored report; `backup_not_verified` when there is none."""
    try:
        body = reader.read(backup_key(cluster_id, backup, VERIFIED))
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        raise PermanentError(
            "backup_not_verified",
            f"backup {backup} of {cluster_id} was never verified",
            hint=f"holdfast backup verify {cluster_id} {backup}",
        ) from error
    return VerificationReport.model_validate_json(body)


def find_report(reader: ObjectReader, cluster_id: str, backup: str) -> VerificationReport | None:
    try:
        return load_report(reader, cluster_id, backup)
    except PermanentError as error:
        if error.code != "backup_not_verified":
            raise
        return None
