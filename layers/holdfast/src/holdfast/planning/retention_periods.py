"""Which verified backups of one kind a rule keeps. Nothing here knows what time it is: every cut-off counts from the
newest of them, so that a schedule that stopped ages nothing out."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from holdfast.models.backup import BackupEntry
from holdfast.models.retention import RetentionRule, RuleName

# What two moments have in common that are in the same period, in UTC.
_PERIODS: Mapping[RuleName, Callable[[datetime], Hashable]] = {
    "hourly": lambda moment: (moment.date(), moment.hour),
    "daily": lambda moment: moment.date(),
    "weekly": lambda moment: moment.isocalendar()[:2],
    "monthly": lambda moment: (moment.year, moment.month),
    "yearly": lambda moment: moment.year,
}


def kept_by(rule: RetentionRule, verified: Sequence[BackupEntry], *, at_least: int) -> dict[str, tuple[RuleName, ...]]:
    """The rules that keep each backup, by its id. `verified` are of one kind, newest first.

    A period is one in which there is a backup, so that empty hours, days and years use up no place.
    """
    found: dict[str, list[RuleName]] = {}
    for name, number in rule.numbers.items():
        for entry in _kept(name, number, verified, at_least):
            found.setdefault(entry.backup_id, []).append(name)
    return {backup: tuple(names) for backup, names in found.items()}


def _kept(name: RuleName, number: int, verified: Sequence[BackupEntry], at_least: int) -> Sequence[BackupEntry]:
    if name == "last":
        return verified[:number]
    if name == "days":
        since = counted_from(verified, number, at_least=at_least)
        return [] if since is None else [entry for entry in verified if not older(entry, since, number)]
    return _last_of_each(_PERIODS[name], number, verified)


def _last_of_each(
    period: Callable[[datetime], Hashable], number: int, verified: Sequence[BackupEntry]
) -> list[BackupEntry]:
    newest: dict[Hashable, BackupEntry] = {}
    for entry in verified:
        place = period(entry.taken_at)
        if place not in newest and len(newest) == number:
            break
        newest.setdefault(place, entry)
    return list(newest.values())


def older(entry: BackupEntry, than: datetime, days: int) -> bool:
    """Whether it was taken more than `days` before that moment; to the second, as ids are."""
    return than - entry.taken_at > timedelta(days=days)


def counted_from(verified: Sequence[BackupEntry], days: int, *, at_least: int) -> datetime | None:
    """The moment that ages count from: that of the newest verified backup, None without one.

    Fewer than `at_least` that follow a gap longer than the whole span move it not yet: a job that begins again after a
    year, or one run on a machine whose clock is a year ahead, would age out at one blow what was good until then.
    """
    since = verified[0].taken_at if verified else None
    for after, before in pairwise(verified[:at_least]):
        if after.taken_at - before.taken_at > timedelta(days=days):
            since = before.taken_at
    return since
