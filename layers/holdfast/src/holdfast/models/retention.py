"""By which rule a cluster's backups stay, and what was decided about each of them. Sizes are bytes."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from holdfast.models.backup import Kind, State
from holdfast.models.base import BackupId, ClusterId, Model
from holdfast.models.plan import Finding

# What a cluster keeps whose file says nothing of it.
KEEP_LAST = 30
RuleName = Literal["last", "days", "hourly", "daily", "weekly", "monthly", "yearly"]
_Number = Annotated[int, Field(ge=0, le=10_000)]


class RetentionRule(Model):
    """How many verified backups of one kind stay: each stays that one of the numbers keeps. 0 keeps none.

    `keep_last` counts backups. `keep_days` keeps what was taken no more than so many days before the newest one.
    The others keep the last backup of each of so many hours, days, weeks, months and years in which there was one, in
    UTC; weeks begin on Monday (ISO 8601).
    """

    keep_last: _Number = 0
    keep_days: _Number = 0
    keep_hourly: _Number = 0
    keep_daily: _Number = 0
    keep_weekly: _Number = 0
    keep_monthly: _Number = 0
    keep_yearly: _Number = 0

    @property
    def numbers(self) -> dict[RuleName, int]:
        """Those that keep something."""
        every: dict[RuleName, int] = {
            "last": self.keep_last,
            "days": self.keep_days,
            "hourly": self.keep_hourly,
            "daily": self.keep_daily,
            "weekly": self.keep_weekly,
            "monthly": self.keep_monthly,
            "yearly": self.keep_yearly,
        }
        return {name: number for name, number in every.items() if number}

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if not self.numbers:
            raise ValueError("at least one of the keep_ numbers is more than 0")
        return self


class RetentionSpec(RetentionRule):
    """The rule of a cluster, `keep_last` 30 when it names no number. It is that of recurring backups, and of manual
    ones among themselves unless `manual` is a rule of theirs.

    `keep_at_least` is the floor: so many verified ones of each kind, the newest, stay whatever the rules say.
    `unverified_days` is for what is not verified, counted from the newest verified backup.
    """

    keep_at_least: int = Field(default=3, ge=1, le=10_000)
    unverified_days: int = Field(default=7, ge=0, le=10_000)
    manual: RetentionRule | None = None

    @model_validator(mode="before")
    @classmethod
    def _thirty_unless_a_number_is_named(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.keys() & RetentionRule.model_fields.keys():
            return {**given, "keep_last": KEEP_LAST}
        return given

    def rule_of(self, kind: Kind) -> RetentionRule:
        return self.manual if kind == "manual" and self.manual else self


class Verdict(Model):
    """What becomes of one backup. `kept_by` are the rules that keep it, also of one that stays for another reason."""

    backup_id: BackupId
    kind: Kind
    state: State
    size: int
    keep: bool
    reason: str
    kept_by: tuple[RuleName, ...] = ()


class RetentionPlan(Model):
    """A verdict for every backup of a cluster, newest first, and what retention was told before it decided.

    `orphans` are backups of which only secrets are left: they go with the rest. `findings` say what is suspicious.
    """

    cluster_id: ClusterId
    verdicts: tuple[Verdict, ...]
    orphans: tuple[BackupId, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def removals(self) -> tuple[Verdict, ...]:
        """Oldest first, which is the order in which they go."""
        return tuple(verdict for verdict in reversed(self.verdicts) if not verdict.keep)

    @property
    def freed(self) -> int:
        """Bytes of the snapshots that go; bundles and reports come on top."""
        return sum(verdict.size for verdict in self.removals)

    @property
    def digest(self) -> str:
        """SHA-256 over what goes and nothing else: the cluster, the backups with their states, the orphans. A new
        backup that stays leaves it as it is."""
        going = sorted((verdict.backup_id, verdict.state) for verdict in self.removals)
        return hashlib.sha256(json.dumps([self.cluster_id, going, sorted(self.orphans)]).encode()).hexdigest()
