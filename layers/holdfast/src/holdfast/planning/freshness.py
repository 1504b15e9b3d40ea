"""Whether a cluster's last verified backup is as young as its schedule promises. Pure: `now` is an argument.

What counts is whether a firing that is long enough ago has a backup, never a number of hours: a schedule of Monday to
Friday is not late on Sunday, and one that fires every five minutes may fail once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.errors import HoldfastError, TransientError
from holdfast.models.base import Model
from holdfast.models.cluster import ClusterSpec
from holdfast.models.freshness import Freshness, FreshnessChange, FreshnessReport, FreshnessState
from holdfast.models.plan import Finding
from holdfast.planning.firings import Cron, parse_expression
from holdfast.planning.schedule import schedule_request

# What a backup may take from its firing until it is verified, before anybody is told.
GRACE = timedelta(hours=1)
# S3 refuses a request that is signed more than this off; whose clock differs more is wrong about ages too.
CLOCK_SKEW = timedelta(minutes=15)
# After so many the number says no more.
MOST_MISSED = 1000


@dataclass(frozen=True)
class Seen:
    """One verified backup whose objects are there: when its run says it was taken, and when the store got it."""

    backup_id: str
    taken_at: datetime
    stored_at: datetime

    @property
    def at(self) -> datetime:
        """A run whose clock was ahead dates its backup later than the store saw it; a copied bucket is younger than its
        backups. So the earlier of the two."""
        return min(self.taken_at, self.stored_at)

    @property
    def from_the_future(self) -> bool:
        return self.taken_at > self.stored_at + CLOCK_SKEW


class Expectation(Model):
    """`longest` is the age that the last verified backup may reach, None where nothing is expected; `missed` counts
    firings that must have a backup by now and have none."""

    longest: timedelta | None
    missed: int


def freshness(
    spec: ClusterSpec, seen: Sequence[Seen], found: Sequence[Finding], suspicious: Sequence[Finding], now: datetime
) -> Freshness:
    """`seen` are the backups that were looked at, of which the youngest counts; `found` is what was odd on the way, and
    `suspicious` what is odd about the content of the newest."""
    newest = max(seen, key=lambda each: each.at, default=None)
    expected = expectation(spec, newest.at if newest else None, now)
    findings = [*found, *_clock(spec, seen, newest, now)]
    state = _state(spec, newest, expected, now)
    findings += _late(spec, state, newest, expected)
    return Freshness(
        cluster_id=spec.id,
        state=state,
        backup_id=newest.backup_id if newest else None,
        at=newest.at if newest else None,
        age_s=max(0, int((now - newest.at).total_seconds())) if newest else None,
        expected_s=int(expected.longest.total_seconds()) if expected.longest is not None else None,
        missed=expected.missed,
        suspicious=bool(suspicious),
        findings=(*findings, *suspicious),
    )


def unknown(cluster_id: str, error: HoldfastError) -> Freshness:
    """A look that failed: neither fresh nor stale, and never «no backups»."""
    level = "warn" if isinstance(error, TransientError) else "refuse"
    return Freshness(
        cluster_id=cluster_id, state="unknown", findings=(_finding(level, error.code, error.message, error.hint),)
    )


def expectation(spec: ClusterSpec, at: datetime | None, now: datetime) -> Expectation:
    request = schedule_request(spec)
    if request is None or not request.enabled:
        return Expectation(longest=None, missed=0)
    firings = parse_expression(request.expression, request.timezone)
    grace = GRACE + timedelta(minutes=request.flexible_minutes)
    due_by = now - grace
    if isinstance(firings, Cron):
        gap = firings.longest_gap(now)
        missed = 0 if at is None else firings.count(at, due_by, most=MOST_MISSED)
        return Expectation(longest=None if gap is None else gap + grace, missed=missed)
    missed = 0 if at is None else min(MOST_MISSED, max(0, (due_by - at) // firings.interval))
    return Expectation(longest=firings.interval + grace, missed=missed)


def _state(spec: ClusterSpec, newest: Seen | None, expected: Expectation, now: datetime) -> FreshnessState:
    if newest is not None and newest.at > now + CLOCK_SKEW:
        return "unknown"
    if spec.schedule is None:
        return "unscheduled"
    if spec.schedule.paused:
        return "paused"
    if newest is None:
        return "never"
    return "stale" if expected.missed else "fresh"


def _clock(spec: ClusterSpec, seen: Sequence[Seen], newest: Seen | None, now: datetime) -> list[Finding]:
    if newest is not None and newest.at > now + CLOCK_SKEW:
        text = f"the store got {newest.backup_id} at {newest.stored_at:%Y-%m-%d %H:%M}, and it is {now:%Y-%m-%d %H:%M}"
        return [_finding("refuse", "clock_suspect", text, "set the clock of the machine that looks")]
    ahead = [each for each in seen if each.from_the_future]
    if not ahead:
        return []
    text = f"{ahead[0].backup_id} reached the store at {ahead[0].stored_at:%Y-%m-%d %H:%M}, before the time in its name"
    hint = f"the clock was wrong when it was taken, and it sorts as newer than it is: holdfast backup list {spec.id}"
    return [_finding("warn", "clock_suspect", text, hint)]


def _late(spec: ClusterSpec, state: FreshnessState, newest: Seen | None, expected: Expectation) -> list[Finding]:
    hint = f"holdfast run list {spec.id} shows how the last runs ended; holdfast backup run {spec.id} --wait makes one"
    if state == "never":
        return [_finding("refuse", "never_backed_up", f"{spec.id} has a schedule and no verified backup", hint)]
    if state != "stale" or newest is None:
        return []
    text = f"the last verified backup is of {newest.at:%Y-%m-%d %H:%M} UTC; {_times(expected.missed)} since"
    return [_finding("refuse", "backup_stale", text, hint)]


def _times(missed: int) -> str:
    number = f"{missed} or more" if missed == MOST_MISSED else str(missed)
    return f"the schedule fired {number} times" if missed > 1 else "the schedule fired once"


def _finding(level: str, code: str, text: str, hint: str) -> Finding:
    return Finding(level="refuse" if level == "refuse" else "warn", code=code, text=text, hint=hint)


def codes(cluster: Freshness) -> tuple[str, ...]:
    return tuple(sorted({finding.code for finding in cluster.findings}))


def changes(report: FreshnessReport, told: Mapping[str, Sequence[str]]) -> FreshnessChange | None:
    """What is worth telling after `told`; None when nothing is. A cluster that could not be looked at this time for a
    reason that may pass is as it was."""
    looked_at = [each for each in report.clusters if not _may_pass(each)]
    worse = [each for each in looked_at if codes(each) and codes(each) != tuple(told.get(each.cluster_id, ()))]
    bad = {each.cluster_id for each in report.clusters if codes(each)}
    cleared = sorted(name for name, before in told.items() if before and name not in bad)
    if not worse and not cleared:
        return None
    return FreshnessChange(checked_at=report.checked_at, worse=tuple(worse), cleared=tuple(cleared))


def _may_pass(cluster: Freshness) -> bool:
    return cluster.state == "unknown" and all(finding.level == "warn" for finding in cluster.findings)
