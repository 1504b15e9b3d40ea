"""What retention decides over: the catalogue, corrected by what lies in the bucket where it matters.

The catalogue tells ten thousand backups in ten LIST calls, and may be wrong. A backup is removed because others stay;
so those that count most are looked at themselves before anything goes, one LIST each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.engine.catalog import as_it_is, backups_with_anything, find_backup, look_at, look_at_objects, read_catalog
from holdfast.models.backup import BackupEntry
from holdfast.models.retention import RetentionSpec
from holdfast.planning.retention import floor
from holdfast.storage.base import ObjectReader

# So many backups are looked at one by one; where more are in doubt, all objects are listed instead.
ONE_BY_ONE = 50


@dataclass(frozen=True)
class Seen:
    """`entries` are backups and leftovers. `folders` are all backups that have anything in the bucket, also what is
    none of ours: the secrets of those are nobody's orphans. `superseded` are keys of the catalogue that may go."""

    entries: tuple[BackupEntry, ...]
    folders: frozenset[str]
    superseded: tuple[str, ...] = ()


def look_before_deciding(reader: ObjectReader, cluster_id: str, spec: RetentionSpec, current: str = "") -> Seen:
    """Some 20 LIST calls for 10,000 backups, and one for each that the floor is made of, and for `current`."""
    catalog = read_catalog(reader, cluster_id)
    listed = {entry.backup_id: entry for entry in catalog.entries}
    folders = backups_with_anything(reader, cluster_id)
    unlisted = folders - listed.keys()
    entries = None
    if len(unlisted) <= ONE_BY_ONE and spec.keep_at_least <= ONE_BY_ONE:
        entries = _where_it_matters(reader, cluster_id, spec, listed, folders, current)
    if entries is None:
        entries = _all_objects(reader, cluster_id, listed)
    return Seen(entries, folders, catalog.superseded)


def left_by_removals(alone: Sequence[str], seen: Seen) -> tuple[str, ...]:
    """Those of the backups with secrets `alone` that a run may have left, whose nodes sent them after its clean-up.

    Older ones than every backup that is there are something else: the snapshots were emptied, or the cluster's file
    names another bucket by now. Those secrets are needed when the snapshots come back. Without a verified backup
    nothing goes.
    """
    there = [entry for entry in seen.entries if entry.backup_id in seen.folders]
    if not any(entry.state == "verified" for entry in there):
        return ()
    oldest = min(entry.backup_id for entry in there)
    return tuple(backup for backup in alone if backup > oldest)


def as_they_are(reader: ObjectReader, entries: Sequence[BackupEntry]) -> tuple[BackupEntry, ...]:
    """One LIST each; one for two hundred backups of the cluster where there are many."""
    if len(entries) <= ONE_BY_ONE:
        return tuple(look_at(reader, entry) for entry in entries)
    real = {entry.backup_id: entry for entry in look_at_objects(reader, entries[0].cluster_id)}
    return tuple(
        as_it_is(entry, real[entry.backup_id].state, real[entry.backup_id].size)
        if entry.backup_id in real
        else _gone(entry)
        for entry in entries
    )


def _where_it_matters(
    reader: ObjectReader,
    cluster_id: str,
    spec: RetentionSpec,
    listed: Mapping[str, BackupEntry],
    folders: frozenset[str],
    current: str,
) -> tuple[BackupEntry, ...] | None:
    """None when so many are not what the catalogue says that it is better not asked."""
    # A backup of which nothing is left counts as damaged.
    known = {backup: entry if backup in folders else _gone(entry) for backup, entry in listed.items()}
    looked_at = set(folders - listed.keys())
    for backup in looked_at:
        found = find_backup(reader, cluster_id, backup)
        if found:
            known[backup] = found
    # Of one that is called sealed the catalogue may not have heard that it was verified: whoever did was killed then.
    sealed = sorted((backup for backup, entry in known.items() if entry.state == "sealed"), reverse=True)
    known |= {backup: look_at(reader, known[backup]) for backup in sealed[:ONE_BY_ONE]}
    looked_at |= {*sealed[:ONE_BY_ONE]}
    enough = len(looked_at) + ONE_BY_ONE + 2 * spec.keep_at_least
    while unseen := _wanted(known, spec, current) - looked_at:
        # What turns out not to be verified makes place in the floor for an older one, which is looked at in turn.
        if len(looked_at) > enough:
            return None
        known |= {backup: look_at(reader, known[backup]) for backup in unseen}
        looked_at |= unseen
    return tuple(known.values())


def _wanted(known: Mapping[str, BackupEntry], spec: RetentionSpec, current: str) -> set[str]:
    return {entry.backup_id for entry in floor([*known.values()], spec)} | ({current} & known.keys())


def _gone(entry: BackupEntry) -> BackupEntry:
    return entry.model_copy(update={"state": "damaged", "size": 0})


def _all_objects(reader: ObjectReader, cluster_id: str, listed: Mapping[str, BackupEntry]) -> tuple[BackupEntry, ...]:
    """Every backup as it is: some five objects each, so 50 LIST calls for 10,000."""
    real = {entry.backup_id: entry for entry in look_at_objects(reader, cluster_id)}
    known = {backup: _gone(entry) for backup, entry in listed.items()} | real
    known |= {
        backup: as_it_is(listed[backup], real[backup].state, real[backup].size)
        for backup in real.keys() & listed.keys()
    }
    return tuple(known.values())
