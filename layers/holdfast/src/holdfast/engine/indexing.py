"""Writing the catalogue: Seal and Verify tell it what they found, and what is missing in it is written again from the
objects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from holdfast.engine.catalog import find_backup, load_manifest, look_at_objects
from holdfast.engine.reading import read_if_there
from holdfast.engine.services import Services
from holdfast.errors import DamagedError, PermanentError
from holdfast.models.backup import BackupEntry, Manifest, VerificationReport
from holdfast.planning.catalog_key import (
    accept_key,
    catalog_key,
    catalog_prefix,
    hold_key,
    names_prefix,
    read_catalog_keys,
)
from holdfast.planning.naming import VERIFIED, backup_key, parse_backup_id
from holdfast.planning.suspicion import resources_digest
from holdfast.storage.base import ObjectReader, ObjectWriter

# An empty object: everything is in its name. A plain put, which needs no right to read and comes to the same end twice.
_NOTHING = b""
_TYPE = "text/plain"
# Of a manifest: what is there is no backup of this cluster that this Holdfast knows.
_NOT_TO_BE_TOLD = ("backup_of_other_cluster", "backup_unknown", "manifest_newer")


def tell_sealed(writer: ObjectWriter, manifest: Manifest) -> None:
    _tell(writer, _sealed(manifest))


def tell_verified(services: Services, report: VerificationReport) -> None:
    manifest, _ = load_manifest(services.reader, report.cluster_id, report.backup_id)
    _tell(services.writer, _verified(manifest, report))


def tell_damaged(services: Services, cluster_id: str, backup: str) -> None:
    """The size is that of the object that is there: the manifest may be what is damaged."""
    there = find_backup(services.reader, cluster_id, backup)
    if there:
        _tell(services.writer, there.model_copy(update={"state": "damaged"}))


def remove_names(services: Services, cluster_id: str, backup: str) -> None:
    """All but a hold: whoever removes backups may not remove that one."""
    found = [info.key for info in services.reader.list(names_prefix(cluster_id, backup))]
    services.remover.remove(key for key in found if key != hold_key(cluster_id, backup))


@dataclass(frozen=True)
class Indexed:
    """What was out of step: entries that were written, backups whose names went because nothing of them is there, and
    (backup, code) of those that cannot be told."""

    written: tuple[BackupEntry, ...]
    gone: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]


def index(services: Services, cluster_id: str) -> Indexed:
    """Make the catalogue say what the objects say; they decide. One GET or two for each backup that is out of step.

    A backup that Retain removes at the same moment may be left with a name; doing it again takes that away.
    """
    keys = [info.key for info in services.reader.list(catalog_prefix(cluster_id))]
    known = {entry.backup_id: entry.state for entry in read_catalog_keys(cluster_id, keys).entries}
    there = [
        _sealed_once(entry) if entry.backup_id in known else entry
        for entry in look_at_objects(services.reader, cluster_id)
        if entry.state != "unsealed" or entry.backup_id in known
    ]
    written, unreadable = [], []
    for entry in there:
        if known.get(entry.backup_id) == entry.state:
            continue
        try:
            told = _as_it_is(services.reader, entry)
        except PermanentError as error:
            if error.code not in _NOT_TO_BE_TOLD:
                raise
            unreadable.append((entry.backup_id, error.code))
            continue
        if known.get(entry.backup_id) == told.state:
            continue
        _tell(services.writer, told)
        services.remover.remove(_stale(keys, told))
        written.append(told)
    gone = sorted(known.keys() - {entry.backup_id for entry in there})
    for backup in gone:
        remove_names(services, cluster_id, backup)
    return Indexed(tuple(written), tuple(gone), tuple(unreadable))


def _sealed_once(entry: BackupEntry) -> BackupEntry:
    """Without its manifest it is damaged. Were its names to go, retention would take it for what a run left behind."""
    return entry.model_copy(update={"state": "damaged"}) if entry.state == "unsealed" else entry


def _stale(keys: Iterable[str], told: BackupEntry) -> Iterator[str]:
    """Of the names that were there before anything was read: what a Verify has put since then tells more."""
    cluster_id, backup = told.cluster_id, told.backup_id
    kept = {hold_key(cluster_id, backup), accept_key(cluster_id, backup), catalog_key(told)}
    return (key for key in keys if key.startswith(names_prefix(cluster_id, backup)) and key not in kept)


def _as_it_is(reader: ObjectReader, entry: BackupEntry) -> BackupEntry:
    """The entry with what its own files tell. One whose manifest cannot be read is damaged, whatever else is there."""
    if entry.state == "damaged":
        return entry
    try:
        manifest, _ = load_manifest(reader, entry.cluster_id, entry.backup_id)
    except DamagedError:
        return entry.model_copy(update={"state": "damaged"})
    body = read_if_there(reader, backup_key(entry.cluster_id, entry.backup_id, VERIFIED))
    if entry.state == "verified" and body is not None:
        return _verified(manifest, VerificationReport.model_validate_json(body))
    return _sealed(manifest)


def _sealed(manifest: Manifest) -> BackupEntry:
    taken_at, kind = parse_backup_id(manifest.backup_id)
    return BackupEntry(
        cluster_id=manifest.cluster_id,
        backup_id=manifest.backup_id,
        kind=kind,
        taken_at=taken_at,
        size=manifest.snapshot.size,
        state="sealed",
        raw_size=manifest.snapshot.raw_size,
        possibly_dirty=manifest.possibly_dirty,
    )


def _verified(manifest: Manifest, report: VerificationReport) -> BackupEntry:
    found = report.database
    resources = resources_digest(name for name, counted in found.resources.items() if counted.count)
    figures = {"live_keys": found.live_keys, "resources": resources}
    return _sealed(manifest).model_copy(update={"state": "verified", **figures})


def _tell(writer: ObjectWriter, entry: BackupEntry) -> None:
    writer.put(catalog_key(entry), _NOTHING, content_type=_TYPE)
