"""How old the last verified backup of every cluster is: asked of the bucket, never of what runs have claimed.

Two LIST calls per cluster, the catalogue and the objects of its newest verified backup; one more for each backup whose
objects are gone, and two GETs when the resources in it are not those of the backups before. Where the catalogue knows
no verified backup, the objects themselves are listed. Where S3 keeps copies, one LIST more looks whether they came.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from holdfast.engine.catalog import list_backups, look_at_objects
from holdfast.engine.services import Services
from holdfast.engine.suspicion import look_for_suspicions
from holdfast.errors import HoldfastError, PermanentError
from holdfast.models.backup import BackupEntry
from holdfast.models.cluster import ClusterSpec
from holdfast.models.freshness import Freshness, FreshnessReport, FreshnessSummary
from holdfast.models.plan import Finding
from holdfast.planning.freshness import CLOCK_SKEW, Seen, changes, codes, freshness, unknown
from holdfast.planning.naming import DAMAGED, GZIPPED_SNAPSHOT, MANIFEST, SNAPSHOT, VERIFIED, backup_prefix
from holdfast.storage.base import ObjectInfo, ObjectReader

THREADS = 16
# So many backups without their objects are enough to know that somebody emptied the bucket.
MOST_LOOKED_AT = 20
# S3 copies most objects within minutes; without its time control there is no promise.
COPY_GRACE = timedelta(hours=6)

type CopiesOf = Callable[[str], ObjectReader | None]


def check_freshness(
    services: Services, clusters: Sequence[str] | None = None, *, copies: bool = False, threads: int = THREADS
) -> FreshnessReport:
    """Every registered cluster, or the ones named (PermanentError `cluster_unknown`). What goes wrong for one of them
    is a finding of that one. `copies`: look at them too, where there are any."""
    specs, unreadable = _registered(services, clusters)
    reader, now = services.reader, services.clock()
    copies_of = services.copies if copies else _no_copies

    def look(spec: ClusterSpec) -> Freshness:
        return look_at_cluster(reader, spec, now, copies_of)

    with ThreadPoolExecutor(max_workers=threads) as pool:
        found = [*pool.map(look, specs), *(unknown(name, error) for name, error in unreadable.items())]
    return FreshnessReport(checked_at=now, clusters=tuple(sorted(found, key=lambda each: each.cluster_id)))


def _registered(
    services: Services, clusters: Sequence[str] | None
) -> tuple[Sequence[ClusterSpec], dict[str, PermanentError]]:
    if clusters is None:
        return services.clusters.readable()
    return [services.clusters.get(name) for name in clusters], {}


def _no_copies(_cluster_id: str) -> None:
    return None


def look_at_cluster(
    reader: ObjectReader, spec: ClusterSpec, now: datetime, copies_of: CopiesOf = _no_copies
) -> Freshness:
    try:
        return _look(reader, spec, now, copies_of)
    except HoldfastError as error:
        return unknown(spec.id, error)
    except Exception as error:  # noqa: BLE001 - what is odd in one cluster's bucket must not hide the other clusters
        hint = f"holdfast freshness {spec.id} --debug shows the same with a stack trace, if it is still so"
        return unknown(spec.id, PermanentError("unclassified", f"{type(error).__name__}: {error}"[:500], hint=hint))


def _look(reader: ObjectReader, spec: ClusterSpec, now: datetime, copies_of: CopiesOf) -> Freshness:
    entries, found = _entries(reader, spec.id)
    seen, gone = _really_there(reader, [entry for entry in entries if entry.state == "verified"])
    there = [entry for entry in entries if entry.backup_id not in gone]
    found += [*_gone(spec.id, gone), *_copy(copies_of, there, now)]
    return freshness(spec, seen, found, _suspicions(reader, there, now), now)


def _suspicions(reader: ObjectReader, there: Sequence[BackupEntry], now: datetime) -> tuple[Finding, ...]:
    """A backup whose name is of next year sorts last; behind it the newest that is of the past is looked at too."""
    dated = [entry for entry in there if entry.taken_at <= now + CLOCK_SKEW]
    behind = look_for_suspicions(reader, dated) if len(dated) < len(there) else ()
    return tuple(dict.fromkeys((*look_for_suspicions(reader, there), *behind)))


def _entries(reader: ObjectReader, cluster_id: str) -> tuple[list[BackupEntry], list[Finding]]:
    """Of the catalogue; of the objects where it knows no verified backup, because it may be what is lost."""
    entries = list_backups(reader, cluster_id)
    if any(entry.state == "verified" for entry in entries):
        return entries, []
    entries = look_at_objects(reader, cluster_id)
    unknown_there = sum(entry.state == "verified" for entry in entries)
    if not unknown_there:
        return entries, []
    text = f"the catalogue knows none of the {unknown_there} verified backups that are there"
    hint = f"holdfast backup index {cluster_id}"
    return entries, [Finding(level="warn", code="catalog_incomplete", text=text, hint=hint)]


def _really_there(reader: ObjectReader, verified: Sequence[BackupEntry]) -> tuple[list[Seen], dict[str, str]]:
    """Backups with all of their objects, until the first whose date can be believed; and those on the way that have
    not, with what is wrong."""
    seen: list[Seen] = []
    gone: dict[str, str] = {}
    for entry in verified[:MOST_LOOKED_AT]:
        prefix = backup_prefix(entry.cluster_id, entry.backup_id)
        files = {info.key.removeprefix(prefix): info for info in reader.list(prefix)}
        snapshot = files.get(SNAPSHOT) or files.get(GZIPPED_SNAPSHOT)
        wrong = _wrong(entry, files, snapshot)
        if wrong or snapshot is None:
            gone[entry.backup_id] = wrong
            continue
        seen.append(Seen(entry.backup_id, entry.taken_at, snapshot.modified))
        if not seen[-1].from_the_future:
            break
    return seen, gone


def _wrong(entry: BackupEntry, files: dict[str, ObjectInfo], snapshot: ObjectInfo | None) -> str:
    if snapshot is None:
        return "it has no snapshot"
    if snapshot.size != entry.size:
        return f"its snapshot has {snapshot.size} bytes, not {entry.size}"
    missing = [name for name in (MANIFEST, VERIFIED) if name not in files]
    if missing:
        return f"it has no {missing[0]}"
    return "it was found damaged" if DAMAGED in files else ""


def _gone(cluster_id: str, gone: dict[str, str]) -> list[Finding]:
    if not gone:
        return []
    (newest, wrong), *others = gone.items()
    more = f", and {len(others)} older ones likewise" if others else ""
    hint = f"holdfast backup list {cluster_id} --objects; deleted versions may still be in the bucket"
    return [Finding(level="refuse", code="backup_object_gone", text=f"{newest}: {wrong}{more}", hint=hint)]


def _copy(copies_of: CopiesOf, there: Sequence[BackupEntry], now: datetime) -> list[Finding]:
    """Of the newest verified backup that S3 has had time to copy. A copy that cannot be listed says nothing of the
    backup itself."""
    due = [entry for entry in there if entry.state == "verified" and entry.taken_at <= now - COPY_GRACE]
    if not due:
        return []
    entry = due[0]
    prefix = backup_prefix(entry.cluster_id, entry.backup_id)
    hint = f"holdfast backup show {entry.cluster_id} {entry.backup_id} looks at it closely"
    try:
        copies = copies_of(entry.cluster_id)
        files = {info.key.removeprefix(prefix): info for info in copies.list(prefix)} if copies else None
    except HoldfastError as error:
        return [Finding(level="warn", code="copy_unknown", text=f"{error.code}: {error.message}", hint=error.hint)]
    if files is None:
        return []
    wrong = _wrong_copy(entry, files)
    return (
        [Finding(level="refuse", code="copy_missing", text=f"{entry.backup_id}: {wrong}", hint=hint)] if wrong else []
    )


def _wrong_copy(entry: BackupEntry, files: dict[str, ObjectInfo]) -> str:
    snapshot = files.get(SNAPSHOT) or files.get(GZIPPED_SNAPSHOT)
    if snapshot is None or MANIFEST not in files:
        return f"there is no copy of its {'snapshot' if snapshot is None else 'manifest'}"
    return (
        "" if snapshot.size == entry.size else f"the copy of its snapshot has {snapshot.size} bytes, not {entry.size}"
    )


def tell_changes(services: Services, report: FreshnessReport) -> bool:
    """Publish what differs from what was told before, and then remember it: when this dies in between, it is told
    again. False when there was nothing to tell."""
    change = changes(report, services.freshness_notes.told())
    if change is None:
        return False
    services.notifier.publish_freshness(change)
    for cluster in change.worse:
        services.freshness_notes.remember(cluster.cluster_id, codes(cluster))
    for cluster_id in change.cleared:
        services.freshness_notes.remember(cluster_id, ())
    return True


def summary(report: FreshnessReport, *, told: bool) -> FreshnessSummary:
    return FreshnessSummary(
        checked=len(report.clusters),
        late=sum(each.late for each in report.clusters),
        suspicious=sum(each.suspicious for each in report.clusters),
        unknown=sum(each.state == "unknown" for each in report.clusters),
        told=told,
    )
