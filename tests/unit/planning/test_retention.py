"""What retention may remove, for any history: never the newest verified backups, never what still runs."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.models.backup import BackupEntry, State
from holdfast.models.cluster import RetentionSpec
from holdfast.planning.naming import backup_id
from holdfast.planning.retention import Verdict, decide

START = datetime(2026, 1, 1, tzinfo=UTC)
STATES: tuple[State, ...] = ("unsealed", "sealed", "verified", "damaged")


def entry(day: int, state: State) -> BackupEntry:
    taken_at = START + timedelta(days=day)
    return BackupEntry(
        cluster_id="prod",
        backup_id=backup_id(taken_at, "recurring", str(day)),
        kind="recurring",
        taken_at=taken_at,
        size=1,
        state=state,
    )


def removed(verdicts: tuple[Verdict, ...]) -> set[str]:
    return {verdict.backup_id for verdict in verdicts if not verdict.keep}


histories = st.lists(st.sampled_from(STATES), max_size=30).map(
    lambda states: [entry(day, state) for day, state in enumerate(states)]
)
rules = st.integers(min_value=1, max_value=12).map(lambda keep: RetentionSpec(keep_last=keep))


@given(history=histories, rule=rules)
def test_the_newest_verified_backups_stay(history: list[BackupEntry], rule: RetentionSpec) -> None:
    verified = [each.backup_id for each in history if each.state == "verified"]
    assert not removed(decide(history, rule)) & set(verified[-rule.keep_last :])


@given(history=histories, rule=rules)
def test_unverified_backups_never_push_a_verified_one_out(history: list[BackupEntry], rule: RetentionSpec) -> None:
    only_verified = [each for each in history if each.state == "verified"]
    gone = removed(decide(history, rule)) & {each.backup_id for each in only_verified}
    assert gone == removed(decide(only_verified, rule))


@given(history=histories, rule=rules, seed=st.randoms(use_true_random=False))
def test_order_does_not_matter(history: list[BackupEntry], rule: RetentionSpec, seed: object) -> None:
    shuffled = list(history)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(shuffled, rule) == decide(history, rule)


@given(history=histories, rule=rules)
def test_applying_twice_changes_nothing_more(history: list[BackupEntry], rule: RetentionSpec) -> None:
    gone = removed(decide(history, rule))
    left = [each for each in history if each.backup_id not in gone]
    assert removed(decide(left, rule)) == set()


@given(history=histories, rule=rules)
def test_every_verdict_has_a_reason(history: list[BackupEntry], rule: RetentionSpec) -> None:
    verdicts = decide(history, rule)
    assert len(verdicts) == len(history)
    assert all(verdict.reason for verdict in verdicts)


def test_without_a_verified_backup_no_sealed_one_goes() -> None:
    history = [entry(day, "sealed") for day in range(5)]
    assert removed(decide(history, RetentionSpec(keep_last=1))) == set()


def test_a_leftover_goes_and_the_running_backup_stays() -> None:
    dead, running = entry(1, "unsealed"), entry(2, "unsealed")
    verdicts = decide([dead, running], RetentionSpec(), current=running.backup_id)
    assert removed(verdicts) == {dead.backup_id}


def test_a_damaged_backup_newer_than_the_verified_ones_stays_to_be_looked_at() -> None:
    history = [entry(1, "verified"), entry(2, "damaged")]
    assert removed(decide(history, RetentionSpec(keep_last=1))) == set()
    later = [*history, entry(3, "verified")]
    assert removed(decide(later, RetentionSpec(keep_last=1))) == {history[0].backup_id, history[1].backup_id}
