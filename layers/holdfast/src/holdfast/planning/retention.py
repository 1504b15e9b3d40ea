"""Which backups go, with a reason for each. Only verified ones count, and the newest of them never go.

Every cut-off counts from the newest verified backup, never from the clock: a schedule that stopped ages nothing out.
The clock says one thing only, whether a lock has ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from holdfast.models.backup import BackupEntry, Kind
from holdfast.models.plan import Finding
from holdfast.models.retention import RetentionSpec, RuleName, Verdict
from holdfast.planning.retention_periods import counted_from, kept_by, older
from holdfast.planning.retention_words import why_kept, why_removed

_KINDS: tuple[Kind, ...] = ("recurring", "manual")


class Lock(Protocol):
    """What the store says about an object: a retention until then, a legal hold."""

    @property
    def until(self) -> datetime | None: ...

    @property
    def held(self) -> bool: ...


def decide(
    entries: Sequence[BackupEntry],
    spec: RetentionSpec,
    *,
    now: datetime,
    current: str = "",
    locks: Mapping[str, Lock] | None = None,
    findings: Sequence[Finding] = (),
) -> tuple[Verdict, ...]:
    """A verdict for every entry of one cluster, newest first, whatever order they come in.

    `current` is the backup of the running run. `locks` are by backup id, and only asked about what would go else. A
    finding of level `refuse` among `findings` (planning/suspicion.py) keeps every verified backup.
    Whoever removes holds the cluster's lease: an unsealed entry that is not `current` belongs to a run that died.
    """
    ordered = sorted(entries, key=lambda entry: entry.backup_id, reverse=True)
    judge = _judge(ordered, spec, current, next((each.text for each in findings if each.level == "refuse"), ""))
    return tuple(judge.verdict(entry, (locks or {}).get(entry.backup_id), now) for entry in ordered)


def floor(entries: Sequence[BackupEntry], spec: RetentionSpec) -> tuple[BackupEntry, ...]:
    """The newest verified ones of each kind, which stay whatever the rules say. What goes goes because these are there.

    Of each kind: manual backups must not push out those of a schedule that is paused.
    """
    verified = sorted(
        (entry for entry in entries if entry.state == "verified"), key=lambda entry: entry.backup_id, reverse=True
    )
    return tuple(
        entry for kind in _KINDS for entry in [each for each in verified if each.kind == kind][: spec.keep_at_least]
    )


def lock_reason(lock: Lock | None, now: datetime) -> str:
    """Why the store will not let it go, "" when it will. A lock that ends now has ended."""
    if lock is None:
        return ""
    if lock.held:
        return "under a legal hold"
    return f"locked until {lock.until:%Y-%m-%dT%H:%M:%SZ}" if lock.until and lock.until > now else ""


@dataclass(frozen=True)
class _Judge:
    """`rules` and `floor` are of verified backups. Without one `unverified_since` is None: nothing goes."""

    spec: RetentionSpec
    current: str
    paused: str
    floor: frozenset[str]
    accepted: str
    rules: Mapping[str, tuple[RuleName, ...]]
    newest: str
    unverified_since: datetime | None

    def verdict(self, entry: BackupEntry, lock: Lock | None, now: datetime) -> Verdict:
        verified = entry.state == "verified"
        kept = self._kept(entry)
        stays = kept or (verified and self.paused and f"removal is paused: {self.paused}") or lock_reason(lock, now)
        return Verdict(
            backup_id=entry.backup_id,
            kind=entry.kind,
            state=entry.state,
            size=entry.size,
            keep=bool(stays),
            reason=stays or self._why_removed(entry),
            kept_by=self.rules.get(entry.backup_id, ()),
        )

    def _kept(self, entry: BackupEntry) -> str:
        if entry.held:
            return "held by a person"
        if entry.backup_id == self.current:
            return "the backup of this run"
        return self._verified_kept(entry) if entry.state == "verified" else self._unverified_kept(entry)

    def _verified_kept(self, entry: BackupEntry) -> str:
        names = self.rules.get(entry.backup_id)
        if names:
            return why_kept(self.spec.rule_of(entry.kind), names, entry.kind)
        if entry.backup_id in self.floor:
            return f"{entry.kind}: one of the newest {self.spec.keep_at_least}, which always stay"
        if entry.backup_id == self.accepted:
            return "the newest that a person accepted: without it, newer ones would be compared with what was before"
        return ""

    def _unverified_kept(self, entry: BackupEntry) -> str:
        if self.unverified_since is None:
            return f"{entry.state}, and there is no verified backup"
        if entry.backup_id > self.newest:
            return f"{entry.state}, and newer than every verified backup"
        if entry.state != "unsealed" and not older(entry, self.unverified_since, self.spec.unverified_days):
            return (
                f"{entry.state}, and no more than {self.spec.unverified_days} days older than the newest verified one"
            )
        return ""

    def _why_removed(self, entry: BackupEntry) -> str:
        if entry.state == "verified":
            return why_removed(self.spec.rule_of(entry.kind), entry.kind)
        if entry.state == "unsealed":
            return "left behind by a run that did not finish: it has no manifest"
        return f"{entry.state}, and more than {self.spec.unverified_days} days older than the newest verified one"


def _judge(ordered: Sequence[BackupEntry], spec: RetentionSpec, current: str, paused: str) -> _Judge:
    verified = [entry for entry in ordered if entry.state == "verified"]
    rules: dict[str, tuple[RuleName, ...]] = {}
    for kind in _KINDS:
        of_kind = [entry for entry in verified if entry.kind == kind]
        rules |= kept_by(spec.rule_of(kind), of_kind, at_least=spec.keep_at_least)
    return _Judge(
        spec=spec,
        current=current,
        paused=paused,
        floor=frozenset(entry.backup_id for entry in floor(verified, spec)),
        accepted=next((entry.backup_id for entry in verified if entry.accepted), ""),
        rules=rules,
        newest=verified[0].backup_id if verified else "",
        unverified_since=counted_from(verified, spec.unverified_days, at_least=spec.keep_at_least),
    )
