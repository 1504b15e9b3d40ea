"""Which backups go. Only verified ones count, and the newest verified one never goes.

Cut-offs count backups, never days: a schedule that stopped ages nothing out.
"""

from collections.abc import Sequence

from holdfast.models.backup import BackupEntry
from holdfast.models.base import BackupId, Model
from holdfast.models.cluster import RetentionSpec


class Verdict(Model):
    backup_id: BackupId
    keep: bool
    reason: str


def decide(entries: Sequence[BackupEntry], rule: RetentionSpec, *, current: str = "") -> tuple[Verdict, ...]:
    """A verdict for every entry of one cluster, newest first. `current` is the backup of the running run.

    Whoever calls holds the cluster's lease: an unsealed entry that is not `current` belongs to a run that died.
    """
    ordered = sorted(entries, key=lambda entry: entry.backup_id, reverse=True)
    verified = [entry.backup_id for entry in ordered if entry.state == "verified"]
    kept = verified[: rule.keep_last]
    return tuple(_verdict(entry, kept, current) for entry in ordered)


def _verdict(entry: BackupEntry, kept: list[str], current: str) -> Verdict:
    def say(keep: bool, reason: str) -> Verdict:
        return Verdict(backup_id=entry.backup_id, keep=keep, reason=reason)

    if entry.backup_id == current:
        return say(True, "the backup of this run")
    if entry.state == "unsealed":
        return say(False, "left behind by a run that did not finish: it has no manifest")
    if entry.state == "verified":
        if entry.backup_id in kept:
            return say(True, f"one of the newest {len(kept)} verified backups")
        return say(False, f"older than the newest {len(kept)} verified backups")
    if not kept or entry.backup_id > kept[-1]:
        return say(True, f"{entry.state}, and no older than the verified backups that stay")
    return say(False, f"{entry.state}, and older than every verified backup that stays")
