"""Retention of one cluster: planned from what is there, and then exactly that is done, or nothing.

The same for the state Retain of a backup and for `holdfast retention`. Whoever removes holds the cluster's lease, so
nothing that is listed as unsealed is at work; between planning and the last removal people and other programs may
still change the bucket, so each backup is looked at once more right before it goes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from holdfast.engine.progress import enter
from holdfast.engine.removal import locks_of, remove_orphan, remove_superseded, remove_unless_spared
from holdfast.engine.retention_seen import as_they_are, left_by_removals, look_before_deciding
from holdfast.engine.secrets import orphans_among
from holdfast.engine.services import Services
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.backup import BackupEntry
from holdfast.models.base import BackupId, ClusterId, Model
from holdfast.models.plan import Finding
from holdfast.models.retention import RetentionPlan, Verdict
from holdfast.models.run import BackupRun
from holdfast.planning.backup_plan import LEASE
from holdfast.planning.retention import decide, floor
from holdfast.planning.suspicion import suspicions

# What one run of the state Retain removes at most: its function has five minutes, and a backup of three nodes takes
# some 60 calls. The next run goes on.
AT_ONCE = 50
# And so long at most, for stores that take their time: what is not removed goes in the next run, and this one succeeds.
LONGEST = timedelta(minutes=3)
# Locked ones cost a third of that. So many times as many are tried: old locks must not keep the others from going.
TRIES = 4


class Spared(Model):
    """A backup that was to go and stays, because something changed after the plan was made."""

    backup_id: BackupId
    reason: str


class Applied(Model):
    """What was removed, oldest first, and what was spared. `freed` are bytes of snapshots."""

    cluster_id: ClusterId
    removed: tuple[BackupId, ...]
    spared: tuple[Spared, ...]
    orphans: tuple[BackupId, ...]
    freed: int


@dataclass(frozen=True)
class Decided:
    """A plan, and the backups that everything in it counts on. `superseded` are keys of the catalogue that may go;
    `dirty`: the run's own backup was forced, and is never verified."""

    plan: RetentionPlan
    floor: tuple[BackupEntry, ...]
    superseded: tuple[str, ...]
    dirty: bool = False


def plan_retention(services: Services, cluster_id: str, *, current: str = "") -> Decided:
    """Nothing is changed, and no lease is needed. A listing that is refused is an error, never "no backups"."""
    spec = services.clusters.get(cluster_id).retention
    seen = look_before_deciding(services.reader, cluster_id, spec, current)
    now = services.clock()
    findings = _suspicions(seen.entries, current, now)
    judge = partial(decide, seen.entries, spec, now=now, current=current, findings=findings)
    alone = orphans_among(services, cluster_id, known=seen.folders | {each.backup_id for each in seen.entries})
    orphans = left_by_removals(alone, seen)
    plan = RetentionPlan(
        cluster_id=cluster_id,
        verdicts=judge(),
        orphans=orphans,
        findings=(*findings, *_alone(cluster_id, len(alone) - len(orphans))),
    )
    locks = locks_of(services, cluster_id, plan.removals)
    if locks:
        plan = plan.model_copy(update={"verdicts": judge(locks=locks)})
    dirty = any(each.backup_id == current and each.possibly_dirty for each in seen.entries)
    return Decided(plan, floor(seen.entries, spec), seen.superseded, dirty)


def _suspicions(entries: Sequence[BackupEntry], current: str, now: datetime) -> tuple[Finding, ...]:
    """Of the newest, and of the newest that is no newer than this run's or than now: a backup that was made while a
    clock was a year ahead sorts last, and would hide for a year what becomes of the cluster."""
    dated = [each for each in entries if (each.backup_id <= current if current else each.taken_at <= now)]
    return tuple(dict.fromkeys((*suspicions(entries), *suspicions(dated))))


def _alone(cluster_id: str, number: int) -> tuple[Finding, ...]:
    if not number:
        return ()
    text = (
        f"secrets of {number} backups of {cluster_id} are there without a snapshot; they stay, as no older backup does"
    )
    hint = "their snapshots may be in another bucket, or hidden by delete markers; else remove the secrets by hand"
    return (Finding(level="warn", code="secrets_alone", text=text, hint=hint),)


def apply_retention(
    services: Services,
    cluster_id: str,
    *,
    digest: str,
    owner: str,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Applied:
    """Do what the plan with that digest says. `owner` is a name of its own for the cluster's lease.

    RefusedError `retention_plan_changed` when the plan is another one by now, and nothing is touched; `lease_held`
    while a backup, a restore or another retention is at work.
    """
    now = services.clock()
    services.leases.acquire(cluster_id, owner, now=now, expires_at=now + LEASE)
    try:
        decided = plan_retention(services, cluster_id)
        if decided.plan.digest != digest:
            raise RefusedError(
                "retention_plan_changed",
                f"what would go from {cluster_id} is not what was shown: its digest is {decided.plan.digest} by now",
                hint=f"holdfast retention plan {cluster_id} shows what it is now; nothing was removed",
            )
        return carry_out(services, decided, owner=owner, progress=progress)
    finally:
        services.leases.release(cluster_id, owner)


def retain(services: Services, run: BackupRun) -> tuple[Verdict, ...]:
    """The state Retain: what the cluster's rule lets go, at most `AT_ONCE` backups of it, the oldest first. Nothing
    goes after a backup that is possibly dirty: it replaces none."""
    enter(services, run, "Retain")
    until = services.clock() + LONGEST
    decided = plan_retention(services, run.cluster_id, current=run.backup_id)
    verdicts = decided.plan.verdicts
    if decided.dirty:
        return verdicts
    if not any(each.backup_id == run.backup_id and each.state == "verified" for each in verdicts):
        raise PermanentError(
            "backup_not_verified",
            f"backup {run.backup_id} is not listed as verified, so nothing is removed",
            hint=f"holdfast backup list {run.cluster_id}",
        )
    carry_out(services, decided, owner=run.run_id, at_most=AT_ONCE, until=until)
    return verdicts


def carry_out(
    services: Services,
    decided: Decided,
    *,
    owner: str,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    at_most: int | None = None,
    until: datetime | None = None,
) -> Applied:
    """The oldest first. Whatever stops it, done again it comes to the same end: what is left is decided anew.

    No removal begins at `until` or later.
    """
    plan = decided.plan
    removed: list[Verdict] = []
    spared: list[Spared] = []
    going = plan.removals if at_most is None else _tried(plan.removals, at_most * TRIES)
    for done, verdict in enumerate(going, start=1):
        if len(removed) == at_most or (until and services.clock() >= until):
            break
        # Whoever took the lease over meanwhile may be at work on what is a leftover here.
        services.leases.renew(plan.cluster_id, owner, expires_at=services.clock() + LEASE)
        _refuse_without_floor(services, decided)
        why = remove_unless_spared(services, plan.cluster_id, verdict, services.clock())
        if why:
            spared.append(Spared(backup_id=verdict.backup_id, reason=why))
        else:
            removed.append(verdict)
        progress(done, len(going))
    remove_superseded(services, decided.superseded[:at_most])
    locked = {orphan: remove_orphan(services, plan.cluster_id, orphan) for orphan in plan.orphans[:at_most]}
    spared += [Spared(backup_id=orphan, reason=why) for orphan, why in locked.items() if why]
    return Applied(
        cluster_id=plan.cluster_id,
        removed=tuple(verdict.backup_id for verdict in removed),
        spared=tuple(spared),
        orphans=tuple(orphan for orphan, why in locked.items() if not why),
        freed=sum(verdict.size for verdict in removed),
    )


def _tried(removals: Sequence[Verdict], number: int) -> Sequence[Verdict]:
    """The oldest, and the newest: where the days of a lock were made fewer, the old ones end after the new ones."""
    return removals if len(removals) <= number else (*removals[: number // 2], *removals[-(number // 2) :])


def _refuse_without_floor(services: Services, decided: Decided) -> None:
    """Others go because these stay. Looked at before every removal: what is removed cannot be brought back."""
    for entry in as_they_are(services.reader, decided.floor):
        if entry.state != "verified":
            raise RefusedError(
                "retention_plan_changed",
                f"the backup {entry.backup_id}, on which the plan counts, went or was damaged meanwhile",
                hint=f"nothing more was removed; holdfast retention plan {entry.cluster_id} says what is so now",
            )
