"""How old the last verified backup of a cluster is, as the bucket tells it."""

from typing import Literal

from holdfast.models.base import BackupId, ClusterId, Model, Utc
from holdfast.models.plan import Finding

# fresh: every firing that is due has a backup. stale: one has none. never: a schedule, and no verified backup yet.
# paused: its schedule is, so that nothing is expected. unscheduled: it has none. unknown: it could not be looked at.
FreshnessState = Literal["fresh", "stale", "never", "paused", "unscheduled", "unknown"]


class Freshness(Model):
    """Of one cluster. `backup_id` is the newest verified backup whose objects are there; `at` is when it was taken, or
    when the store got it, whichever is earlier, and `age_s` counts seconds from then. `expected_s` is the longest gap
    between two firings with the grace, None where nothing is expected. `missed` counts firings that are due and have no
    backup. `suspicious` says that one of the findings is about what is in the newest backup."""

    cluster_id: ClusterId
    state: FreshnessState
    backup_id: BackupId | None = None
    at: Utc | None = None
    age_s: int | None = None
    expected_s: int | None = None
    missed: int = 0
    suspicious: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def late(self) -> bool:
        """Its schedule expects another backup than there is."""
        return self.state in ("stale", "never")

    @property
    def needs_a_look(self) -> bool:
        return self.late or self.suspicious or any(finding.level == "refuse" for finding in self.findings)


class FreshnessReport(Model):
    """One look at every registered cluster."""

    checked_at: Utc
    clusters: tuple[Freshness, ...]


class FreshnessChange(Model):
    """What differs from the last report: clusters with other findings than were told, and those that have none any
    more."""

    checked_at: Utc
    worse: tuple[Freshness, ...] = ()
    cleared: tuple[ClusterId, ...] = ()


class ClearedFreshness(Model):
    """The event of a cluster of which there is nothing to report any more."""

    cluster_id: ClusterId
    state: Literal["cleared"] = "cleared"


class FreshnessEvent(Model):
    """What the rule sends, and what a person may send from the console."""

    check: Literal["freshness"]


class FreshnessSummary(Model):
    """What the function answers: the rest is in metrics, events and messages. `told` says that something had
    changed."""

    checked: int
    late: int
    suspicious: int
    unknown: int
    told: bool
