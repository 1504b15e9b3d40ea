"""When a verified backup looks as if something was lost, and how long that is told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.real_etcd import DATA
from holdfast.engine.inspect import inspect_file
from holdfast.models.backup import BackupEntry, State
from holdfast.models.database import DatabaseHead, DatabaseSummary, ResourceCount
from holdfast.planning.naming import backup_id
from holdfast.planning.suspicion import (
    COMPARED,
    ESSENTIAL,
    FLEETING,
    resources_digest,
    suspicions,
    to_compare,
    vanished,
    vanished_findings,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = (*ESSENTIAL, "pods", "deployments")
ALL = resources_digest(NAMES)


def entry(
    day: int,
    keys: int = 1000,
    size: int = 10_000_000,
    *,
    resources: str = ALL,
    state: State = "verified",
    accepted: bool = False,
) -> BackupEntry:
    taken_at = START + timedelta(days=day)
    return BackupEntry(
        cluster_id="prod",
        backup_id=backup_id(taken_at, "recurring", str(day)),
        kind="recurring",
        taken_at=taken_at,
        size=size // 5,
        state=state,
        raw_size=size,
        live_keys=keys,
        resources=resources,
        accepted=accepted,
    )


def week(*, days: int = 7) -> list[BackupEntry]:
    return [entry(day, 1000 + day, 10_000_000 + day) for day in range(days)]


def summary(**counts: int) -> DatabaseSummary:
    return DatabaseSummary(
        sha256="0" * 64,
        size=1,
        head=DatabaseHead(page_size=4096, high_water_pages=1, txid=1, revision=1, compact_revision=-1),
        records=1,
        live_keys=1,
        prefixes=("/registry",),
        resources={name: ResourceCount(count=count, bytes=count) for name, count in counts.items()},
        other_keys=0,
        leases=0,
        encryption_keys=(),
        hash_kv=None,
    )


def codes(*entries: BackupEntry) -> list[tuple[str, str]]:
    return [(finding.level, finding.code) for finding in suspicions(entries)]


def test_a_cluster_that_goes_on_as_ever_raises_nothing() -> None:
    assert codes(*week(), entry(7, 970, 9_900_000)) == []


def test_more_than_half_of_the_keys_gone_pauses_retention() -> None:
    assert codes(*week(), entry(7, 500)) == [("refuse", "backup_keys_fell")]
    assert codes(*week(), entry(7, 502)) == []


def test_a_database_without_a_key_pauses_retention() -> None:
    (finding,) = suspicions([*week(), entry(7, 0)])
    assert (finding.level, finding.code) == ("refuse", "backup_empty")
    assert entry(7).backup_id in finding.text
    assert finding.hint.endswith(f"holdfast retention accept prod {entry(7).backup_id}")


def test_a_database_that_shrank_to_less_than_half_pauses_retention() -> None:
    assert codes(*week(), entry(7, size=4_900_000)) == [("refuse", "backup_size_fell")]
    assert codes(*week(), entry(7, size=5_100_000)) == []


def test_both_are_told_when_both_fell() -> None:
    assert [code for _, code in codes(*week(), entry(7, 10, 100_000))] == ["backup_keys_fell", "backup_size_fell"]


def test_a_small_database_with_all_of_its_keys_is_the_usual_size_four_backups_later() -> None:
    small = [entry(7 + day, size=1_000_000) for day in range(5)]
    told = [codes(*week(), *small[: count + 1]) for count in range(5)]
    assert told == [[("refuse", "backup_size_fell")]] * 4 + [[]]


def test_lost_keys_are_told_however_many_backups_come_after_the_loss() -> None:
    lost = [entry(7 + day, 100, 1_000_000) for day in range(50)]
    assert ("refuse", "backup_keys_fell") in codes(*week(), *lost)


def test_a_size_that_fell_with_some_of_the_keys_stays_told() -> None:
    lost = [entry(7 + day, 800, 1_000_000) for day in range(50)]
    assert codes(*week(), *lost) == [("refuse", "backup_size_fell")]


def test_it_is_over_when_the_keys_are_back() -> None:
    assert codes(*week(), *[entry(7 + day, 100) for day in range(9)], entry(20)) == []


def test_an_accepted_backup_is_the_new_normal() -> None:
    accepted = entry(7, 100, 1_000_000, accepted=True)
    assert codes(*week(), accepted) == []
    assert codes(*week(), accepted, entry(8, 95, 1_000_000)) == []
    assert codes(*week(), accepted, entry(8, 40, 1_000_000)) == [("refuse", "backup_keys_fell")]


def test_a_cluster_that_shrinks_a_little_every_day_raises_nothing() -> None:
    assert codes(*[entry(day, 100_000 * 95**day // 100**day) for day in range(60)]) == []


def test_one_odd_backup_among_those_before_changes_nothing() -> None:
    assert codes(*week(), entry(7, 100_000, 900_000_000), entry(8)) == []


def test_only_verified_backups_are_looked_at() -> None:
    states: tuple[State, ...] = ("unsealed", "sealed", "damaged")
    others = [entry(7 + day, 0, 0, state=state) for day, state in enumerate(states)]
    assert codes(*week(), *others) == []
    assert codes(*week(), entry(7, 100), *others) == [("refuse", "backup_keys_fell")]


def test_without_an_earlier_backup_there_is_nothing_to_say() -> None:
    assert codes() == []
    assert codes(entry(0, 0)) == []


def test_backups_without_figures_are_not_compared() -> None:
    old = [entry(day, 0, 0, resources="") for day in range(5)]
    assert codes(*old, entry(5)) == []
    assert codes(*week(), entry(7, 100), entry(8, 0, 0, resources="")) == [("refuse", "backup_keys_fell")]


def test_all_secrets_gone_is_seen_in_the_listing_and_stays_told() -> None:
    without = resources_digest(set(NAMES) - {"secrets"})
    lost = [entry(7 + day, resources=without) for day in range(30)]
    (finding,) = suspicions([*week(), *lost])
    assert (finding.level, finding.code) == ("refuse", "resources_vanished")
    assert "no key is left of secrets;" in finding.text


def test_every_essential_resource_is_told_by_its_name() -> None:
    for name in ESSENTIAL:
        (finding,) = suspicions([*week(), entry(7, resources=resources_digest(set(NAMES) - {name}))])
        assert f"no key is left of {name};" in finding.text


def test_a_digest_that_is_not_known_says_nothing() -> None:
    assert codes(*week(), entry(7, resources="")) == []
    assert codes(*[entry(day, resources="") for day in range(3)], entry(7, resources="00abcd")) == []


def test_what_comes_and_goes_does_not_change_the_digest() -> None:
    assert resources_digest([*NAMES, *FLEETING]) == ALL
    assert resources_digest(reversed(NAMES)) == ALL
    assert resources_digest([*NAMES, "pods.example.com/x"]) != ALL
    assert resources_digest(["pods"])[:2] == "00"


def test_a_look_is_worth_it_while_a_backup_before_has_other_resources() -> None:
    other = resources_digest(set(NAMES) - {"deployments"})
    history = [*week(), *[entry(7 + day, resources=other) for day in range(COMPARED + 1)]]
    assert to_compare(history[:7]) is None
    assert to_compare(history[:8]) == (history[6], history[7])
    assert to_compare(history[:9]) == (history[6], history[8])
    assert to_compare(history) is None


def test_a_look_is_not_worth_it_at_an_accepted_backup() -> None:
    assert to_compare([*week(), entry(7, resources="ff0000", accepted=True)]) is None
    assert to_compare([]) is None


def test_what_had_keys_and_has_none_has_vanished() -> None:
    before = summary(secrets=3, pods=2, events=9, leases=4, widgets=0)
    assert vanished(before, summary(pods=1, widgets=0)) == ("secrets",)
    assert vanished(before, before) == ()
    assert vanished(summary(pods=1), before) == ()


def test_vanished_secrets_pause_retention_and_other_names_are_only_told() -> None:
    found = vanished_findings(entry(6), entry(7), ["deployments", "secrets"])
    assert [(each.level, each.code) for each in found] == [
        ("refuse", "resources_vanished"),
        ("warn", "resources_vanished"),
    ]
    assert "deployments" not in found[0].text
    assert vanished_findings(entry(6), entry(7), []) == ()


figures = st.tuples(st.integers(0, 2000), st.integers(1, 10**9), st.booleans())
histories = st.lists(figures, max_size=25).map(
    lambda days: [entry(day, keys, size, accepted=accepted) for day, (keys, size, accepted) in enumerate(days)]
)


@given(history=histories, seed=st.randoms(use_true_random=False))
def test_order_does_not_matter(history: list[BackupEntry], seed: object) -> None:
    shuffled = list(history)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert suspicions(shuffled) == suspicions(history)


@given(history=histories)
def test_accepting_the_newest_ends_every_suspicion(history: list[BackupEntry]) -> None:
    accepted = [*history[:-1], *(each.model_copy(update={"accepted": True}) for each in history[-1:])]
    assert suspicions(accepted) == ()


@given(history=histories)
def test_the_same_backup_again_is_told_as_the_first_one_was_when_keys_are_lost(history: list[BackupEntry]) -> None:
    lost = [("refuse", "backup_keys_fell"), ("refuse", "backup_empty")]
    if any(each in lost for each in codes(*history)):
        again = entry(len(history), history[-1].live_keys, history[-1].raw_size)
        assert codes(*history, again) == codes(*history)


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_real_cluster_has_every_essential_resource(name: str) -> None:
    found = inspect_file(DATA / f"kubeadm-{name}.db.zst")
    present = {resource for resource, counted in found.resources.items() if counted.count}
    assert set(ESSENTIAL) <= present
    assert resources_digest(present)[:2] == "ff"
    assert vanished(found, found) == ()
