"""Backups of a cluster as a listing has them: for what is decided over many of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from holdfast.models.backup import BackupEntry, Kind, State
from holdfast.models.retention import RetentionRule, RetentionSpec
from holdfast.planning.naming import backup_id

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STATES: tuple[State, ...] = ("unsealed", "sealed", "verified", "damaged")
KINDS: tuple[Kind, ...] = ("recurring", "manual")


def entry(
    taken_at: datetime,
    state: State = "verified",
    kind: Kind = "recurring",
    *,
    held: bool = False,
    accepted: bool = False,
    live_keys: int = 1000,
    size: int = 1,
    cluster: str = "prod",
) -> BackupEntry:
    return BackupEntry(
        cluster_id=cluster,
        backup_id=backup_id(taken_at, kind, "seed"),
        kind=kind,
        taken_at=taken_at,
        size=size,
        state=state,
        raw_size=10_000_000,
        live_keys=live_keys,
        resources="ff0000",
        held=held,
        accepted=accepted,
    )


def every(
    step: timedelta, times: int, *, begin: datetime = BEGIN, kind: Kind = "recurring", cluster: str = "prod"
) -> list[BackupEntry]:
    """Verified backups at regular moments, oldest first."""
    return [entry(begin + step * number, kind=kind, cluster=cluster) for number in range(times)]


def ids(entries: Iterable[BackupEntry]) -> list[str]:
    return [each.backup_id for each in entries]


def _entry_at(drawn: tuple[int, State, Kind, bool]) -> BackupEntry:
    minutes, state, kind, held = drawn
    return entry(BEGIN + timedelta(minutes=minutes), state, kind, held=held)


def _one_per_moment(entries: Sequence[BackupEntry]) -> list[BackupEntry]:
    return list({each.backup_id: each for each in entries}.values())


# Two years and more in minutes; few enough moments that several fall into one hour.
moments = st.one_of(st.integers(0, 300), st.integers(0, 60 * 24 * 40), st.integers(0, 60 * 24 * 800))
histories = st.lists(
    st.tuples(moments, st.sampled_from(STATES), st.sampled_from(KINDS), st.booleans()).map(_entry_at), max_size=24
).map(_one_per_moment)
_NUMBERS = {name: st.integers(0, 6) for name in RetentionRule.model_fields}
rules = st.fixed_dictionaries(_NUMBERS).filter(lambda numbers: any(numbers.values()))
specs = st.tuples(
    rules, st.one_of(st.none(), rules), st.integers(min_value=1, max_value=5), st.integers(min_value=0, max_value=20)
).map(
    lambda drawn: RetentionSpec(
        **drawn[0],
        manual=RetentionRule(**drawn[1]) if drawn[1] else None,
        keep_at_least=drawn[2],
        unverified_days=drawn[3],
    )
)
