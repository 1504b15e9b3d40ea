"""The backups of a cluster: what its catalogue tells, and what really lies there. LIST calls, never a GET per object.

The catalogue is for looking at many, and may be lost: `look_at_objects` and `find_backup` read the truth.
"""

from collections.abc import Iterable

from pydantic import ValidationError

from holdfast.errors import DamagedError, PermanentError, RefusedError
from holdfast.models.backup import BackupEntry, Manifest, State
from holdfast.planning.catalog_key import Catalog, catalog_prefix, names_prefix, read_catalog_keys
from holdfast.planning.naming import (
    DAMAGED,
    FILES,
    GZIPPED_SNAPSHOT,
    MANIFEST,
    RUNBOOK,
    SNAPSHOT,
    VERIFIED,
    backup_key,
    backup_of_folder,
    backup_prefix,
    backups_prefix,
    parse_backup_id,
    snapshot_name,
    split_backup_key,
)
from holdfast.storage.base import ObjectInfo, ObjectReader

# A backup has one of them; which one is the manifest's to say.
_SNAPSHOTS = (SNAPSHOT, GZIPPED_SNAPSHOT)
# So many backups are looked at one by one before all objects are listed.
ONE_BY_ONE = 20


def list_backups(reader: ObjectReader, cluster_id: str) -> list[BackupEntry]:
    """What the catalogue tells, newest first. A backup that is not in it is not here, and nothing is `unsealed`."""
    return list(read_catalog(reader, cluster_id).entries)


def read_catalog(reader: ObjectReader, cluster_id: str) -> Catalog:
    """With what is not an entry: markers, keys that may go, keys that nobody of ours wrote."""
    return read_catalog_keys(cluster_id, (info.key for info in reader.list(catalog_prefix(cluster_id))))


def look_at_objects(reader: ObjectReader, cluster_id: str) -> list[BackupEntry]:
    """What really lies there, newest first: some five keys per backup. An entry without a manifest is `unsealed`, a
    leftover or a run that is at work. Figures and markers are the catalogue's, where it knows the backup."""
    return _entries(cluster_id, reader.list(backups_prefix(cluster_id)), read_catalog(reader, cluster_id))


def find_backup(reader: ObjectReader, cluster_id: str, backup: str) -> BackupEntry | None:
    """One backup as it really is; None when nothing lies below its prefix."""
    objects = list(reader.list(backup_prefix(cluster_id, backup)))
    if not objects:
        return None
    names = read_catalog_keys(cluster_id, (info.key for info in reader.list(names_prefix(cluster_id, backup))))
    return next(iter(_entries(cluster_id, objects, names)), None)


def backups_with_anything(reader: ObjectReader, cluster_id: str) -> frozenset[str]:
    """Ids of all backups that any object is there of: one LIST tells a thousand."""
    found = (backup_of_folder(cluster_id, folder) for folder in reader.folders(backups_prefix(cluster_id)))
    return frozenset(backup for backup in found if backup)


def newest_verified(reader: ObjectReader, cluster_id: str) -> str | None:
    """Of the objects, whatever the catalogue says: this one may be restored. One LIST for a thousand backups, and one
    for each that is newer and not verified; all objects are listed where those are many."""
    newest = sorted(backups_with_anything(reader, cluster_id), reverse=True)
    for backup in newest[:ONE_BY_ONE]:
        prefix = backup_prefix(cluster_id, backup)
        if _state({info.key.removeprefix(prefix): info.size for info in reader.list(prefix)}) == "verified":
            return backup
    if len(newest) <= ONE_BY_ONE:
        return None
    entries = look_at_objects(reader, cluster_id)
    return next((entry.backup_id for entry in entries if entry.state == "verified"), None)


def look_at(reader: ObjectReader, entry: BackupEntry) -> BackupEntry:
    """The same backup as it really is, by one LIST; figures and markers stay as they were told."""
    prefix = backup_prefix(entry.cluster_id, entry.backup_id)
    sizes = {info.key.removeprefix(prefix): info.size for info in reader.list(prefix)}
    return as_it_is(entry, _state(sizes), _size(sizes))


def as_it_is(told: BackupEntry, state: State, size: int) -> BackupEntry:
    """What the catalogue told, held against what is there. Once it was sealed: without its manifest, or with a snapshot
    of another size, it is no leftover but damaged."""
    sound = state != "unsealed" and size == told.size
    return told.model_copy(update={"state": state if sound else "damaged", "size": size})


def _entries(cluster_id: str, objects: Iterable[ObjectInfo], catalog: Catalog) -> list[BackupEntry]:
    files: dict[str, dict[str, int]] = {}
    for info in objects:
        place = split_backup_key(info.key)
        # Whatever else somebody put there is no part of a backup, and no backup by itself.
        if place and place[0] == cluster_id and place[2] in FILES:
            files.setdefault(place[1], {})[place[2]] = info.size
    known = {entry.backup_id: entry for entry in catalog.entries}
    return [
        _entry(cluster_id, backup, files[backup], catalog, known.get(backup)) for backup in sorted(files, reverse=True)
    ]


def _entry(
    cluster_id: str, backup: str, sizes: dict[str, int], catalog: Catalog, known: BackupEntry | None
) -> BackupEntry:
    taken_at, kind = parse_backup_id(backup)
    return BackupEntry(
        cluster_id=cluster_id,
        backup_id=backup,
        kind=kind,
        taken_at=taken_at,
        size=_size(sizes),
        state=_state(sizes),
        raw_size=known.raw_size if known else 0,
        live_keys=known.live_keys if known else 0,
        resources=known.resources if known else "",
        held=backup in catalog.held,
        accepted=backup in catalog.accepted,
        possibly_dirty=known.possibly_dirty if known else False,
    )


def _size(sizes: dict[str, int]) -> int:
    return next((sizes[name] for name in _SNAPSHOTS if name in sizes), 0)


def _state(names: dict[str, int]) -> State:
    if MANIFEST not in names:
        return "unsealed"
    if DAMAGED in names or not names.keys() & _SNAPSHOTS:
        return "damaged"
    return "verified" if VERIFIED in names else "sealed"


def load_manifest(reader: ObjectReader, cluster_id: str, backup: str) -> tuple[Manifest, bytes]:
    """The manifest and its bytes; `backup_unknown` when there is none, whatever else lies at that prefix.

    DamagedError `manifest_invalid` when it cannot be read, or is another backup's: it would vouch for other bytes.
    RefusedError `backup_of_other_cluster` when it is another cluster's, as after a copy from one prefix to another.
    PermanentError `manifest_newer` when a newer Holdfast wrote it in a form that this one does not know.
    """
    parse_backup_id(backup)
    try:
        body = reader.read(backup_key(cluster_id, backup, MANIFEST))
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        raise PermanentError(
            "backup_unknown",
            f"cluster {cluster_id} has no backup {backup}",
            hint=f"holdfast backup list {cluster_id} shows what there is",
        ) from error
    return _parsed(body, cluster_id, backup), body


def load_runbook(reader: ObjectReader, cluster_id: str, backup: str) -> str:
    """The page beside the backup. PermanentError `runbook_unknown` for a backup that has none: one that was made
    without its nodes, or by an older Holdfast."""
    load_manifest(reader, cluster_id, backup)
    try:
        return reader.read(backup_key(cluster_id, backup, RUNBOOK)).decode()
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        raise PermanentError(
            "runbook_unknown",
            f"no runbook lies beside the backup {backup} of {cluster_id}",
            hint="Only backups through nodes have one; docs/runbooks/restore-by-hand.md fits every backup.",
        ) from error


def _parsed(body: bytes, cluster_id: str, backup: str) -> Manifest:
    key = backup_key(cluster_id, backup, MANIFEST)
    hint = "use another backup; the bucket may still have an older version of this object"
    try:
        manifest = Manifest.model_validate_json(body)
    except ValidationError as error:
        first, *_ = problems = error.errors(include_input=False, include_url=False)
        where = ".".join(map(str, first["loc"])) or "document"
        if any(each["loc"] == ("schema_version",) for each in problems):
            raise PermanentError("manifest_newer", f"{key}: {first['msg']}", hint="use a newer Holdfast") from error
        raise DamagedError("manifest_invalid", f"{key}: {where}: {first['msg']}", hint=hint) from error
    if manifest.cluster_id != cluster_id:
        text = f"{key} is the manifest of a backup of {manifest.cluster_id}"
        raise RefusedError("backup_of_other_cluster", text, hint="choose a backup of the cluster that is meant")
    told = (manifest.cluster_id, manifest.backup_id, manifest.snapshot.key)
    if told != (cluster_id, backup, backup_key(cluster_id, backup, snapshot_name(manifest.snapshot.compression))):
        raise DamagedError("manifest_invalid", f"{key} is the manifest of {' '.join(told)}", hint=hint)
    return manifest
