"""Whether the newest verified backup looks as if something was lost, held against those before it.

A backup may be whole and verified, and of a cluster that somebody has just emptied. Retention must not take the older
ones then. So a finding of level `refuse` pauses it, and only a person who looked and accepted the backup ends that:
what is compared with are the backups that raised none themselves, however many came after them. A database that became
small with its keys all there is the exception. Defragmentation does that; four backups later it is the normal size.
"""

import hashlib
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Literal

from holdfast.models.backup import BackupEntry
from holdfast.models.database import DatabaseSummary
from holdfast.models.plan import Finding

type Level = Literal["refuse", "warn"]

# So many that one odd backup among them moves the median little, and so few that a week of daily backups is enough.
COMPARED = 7
# A cluster loses some keys every day; to lose more than half of them from one backup to the next takes a mistake.
KEYS_FELL_BELOW = 0.5
# The file grows in steps and keeps the pages that it frees: it shrinks only when it is defragmented or is another one.
SIZE_FELL_BELOW = 0.5
# Of the usual number of keys. A database that shrank and has so many left lost free pages, not data.
KEYS_ALL_THERE = 0.9

# What every cluster has and no controller makes anew: where one of them has no key left, the backup is not the cluster.
# In the order of their bits in the digest, which is stored: new ones need new bits.
ESSENTIAL = (
    "secrets",
    "configmaps",
    "namespaces",
    "serviceaccounts",
    "services/specs",
    "clusterroles",
    "clusterrolebindings",
    "apiextensions.k8s.io/customresourcedefinitions",
)
# What comes and goes by nature, so that none of it at one moment says nothing.
FLEETING = {
    "events": "kept for an hour",
    "leases": "renewed every few seconds by whoever holds one",
    "masterleases": "kept for 15 seconds; each API server writes its own",
    "certificatesigningrequests": "removed an hour after they were approved",
    "jobs": "removed when they are done, as their owner says",
    "volumeattachments": "there while a pod with a volume runs",
    "csistoragecapacities": "written anew by the storage driver",
    "acme.cert-manager.io/challenges": "there while a certificate is issued",
}


def suspicions(entries: Sequence[BackupEntry]) -> tuple[Finding, ...]:
    """What is odd about the newest verified backup of one cluster, in any order of entries; nothing for one that a
    person accepted, or that has none to be compared with.

    Entries older than the newest accepted one are not looked at, nor those without the figures of a verification.
    """
    return _walk(entries)[1]


def to_compare(entries: Sequence[BackupEntry]) -> tuple[BackupEntry, BackupEntry] | None:
    """(before, now): the pair whose resources a look into `verified.json` may tell apart. None where the digests of
    the newest and of the backups that it is compared with are the same."""
    window, _ = _walk(entries)
    looked_at = _looked_at(entries)
    if not looked_at or looked_at[-1].accepted or not looked_at[-1].resources:
        return None
    now = looked_at[-1]
    others = [each for each in window if each.resources and each.resources != now.resources]
    return (others[-1], now) if others else None


def vanished(before: DatabaseSummary, now: DatabaseSummary) -> tuple[str, ...]:
    """Resources that had keys and have none, but for those that come and go by nature, `FLEETING`."""
    return tuple(sorted(_present(before) - _present(now) - FLEETING.keys()))


def vanished_findings(before: BackupEntry, now: BackupEntry, names: Sequence[str]) -> tuple[Finding, ...]:
    """Of `vanished`, for the pair that `to_compare` gave: `refuse` for what every cluster has, `warn` for the rest."""
    essential = [name for name in names if name in ESSENTIAL]
    others = [name for name in names if name not in ESSENTIAL]
    found = (_gone(before, now, essential), _gone(before, now, others, level="warn"))
    return tuple(finding for finding in found if finding)


def resources_digest(names: Iterable[str]) -> str:
    """Six hex digits over the names of the resources that have keys, for the key in the catalogue.

    The first two are a bit for each of ESSENTIAL, so that a listing alone tells that all Secrets are gone; the others
    are a hash of all names that do not come and go, where a difference only says that a look is worth it.
    """
    present = set(names)
    bits = sum(1 << place for place, name in enumerate(ESSENTIAL) if name in present)
    text = "\n".join(sorted(present - FLEETING.keys()))
    return f"{bits:02x}{hashlib.sha256(text.encode()).hexdigest()[:4]}"


def _present(summary: DatabaseSummary) -> set[str]:
    return {name for name, found in summary.resources.items() if found.count}


def _looked_at(entries: Sequence[BackupEntry]) -> list[BackupEntry]:
    """Oldest first, from the newest accepted one on."""
    known = sorted(
        (entry for entry in entries if entry.state == "verified" and _has_figures(entry)),
        key=lambda entry: entry.backup_id,
    )
    accepted = [place for place, entry in enumerate(known) if entry.accepted]
    return known[accepted[-1] :] if accepted else known


def _has_figures(entry: BackupEntry) -> bool:
    """Of one that is verified and in no catalogue nothing is known; of one that the catalogue knows as sealed, its size
    alone: no key and no digest. A verification always gives a digest, of an empty database too."""
    return entry.raw_size > 0 and (entry.live_keys > 0 or entry.resources != "")


def _walk(entries: Sequence[BackupEntry]) -> tuple[list[BackupEntry], tuple[Finding, ...]]:
    """The backups that the newest one is compared with, oldest first, and what is odd about it."""
    window: list[BackupEntry] = []
    compared: list[BackupEntry] = []
    findings: tuple[Finding, ...] = ()
    for entry in _looked_at(entries):
        compared = window
        findings = _odd(entry, window) if window else ()
        if _becomes_usual(entry, window, findings):
            window = [*window, entry][-COMPARED:]
    return compared, findings


def _becomes_usual(entry: BackupEntry, window: Sequence[BackupEntry], findings: Sequence[Finding]) -> bool:
    return not findings or ([each.code for each in findings] == ["backup_size_fell"] and _all_there(entry, window))


def _all_there(entry: BackupEntry, window: Sequence[BackupEntry]) -> bool:
    return entry.live_keys >= _usual_keys(window) * KEYS_ALL_THERE


def _usual_keys(window: Sequence[BackupEntry]) -> int:
    return int(median(each.live_keys for each in window))


def _odd(entry: BackupEntry, window: Sequence[BackupEntry]) -> tuple[Finding, ...]:
    found = (_keys(entry, window), _size(entry, window), _essentials(entry, window))
    return tuple(finding for finding in found if finding)


def _keys(entry: BackupEntry, window: Sequence[BackupEntry]) -> Finding | None:
    usual = _usual_keys(window)
    if usual and not entry.live_keys:
        return _finding(entry, "backup_empty", f"the database has no key left; usual are {usual}")
    if entry.live_keys < usual * KEYS_FELL_BELOW:
        return _finding(entry, "backup_keys_fell", f"{entry.live_keys} keys are left of the usual {usual}")
    return None


def _size(entry: BackupEntry, window: Sequence[BackupEntry]) -> Finding | None:
    usual = int(median(each.raw_size for each in window))
    if entry.raw_size >= usual * SIZE_FELL_BELOW:
        return None
    text = f"the database shrank to {entry.raw_size} bytes; usual are {usual}"
    why = " with all of its keys there, as after a defragmentation" if _all_there(entry, window) else ""
    return _finding(entry, "backup_size_fell", text + why)


def _essentials(entry: BackupEntry, window: Sequence[BackupEntry]) -> Finding | None:
    told = [each for each in window if each.resources]
    if not told or not entry.resources:
        return None
    gone = _bits(told[-1]) & ~_bits(entry)
    return _gone(told[-1], entry, [name for place, name in enumerate(ESSENTIAL) if gone >> place & 1])


def _bits(entry: BackupEntry) -> int:
    return int(entry.resources[:2], 16)


def _gone(before: BackupEntry, now: BackupEntry, names: Sequence[str], *, level: Level = "refuse") -> Finding | None:
    if not names:
        return None
    text = f"no key is left of {', '.join(names)}; the backup {before.backup_id} has some"
    return _finding(now, "resources_vanished", text, level=level)


def _finding(entry: BackupEntry, code: str, text: str, *, level: Level = "refuse") -> Finding:
    hint = f"look at it; if it is meant to be so: holdfast retention accept {entry.cluster_id} {entry.backup_id}"
    return Finding(level=level, code=code, text=f"{entry.backup_id}: {text}", hint=hint)
