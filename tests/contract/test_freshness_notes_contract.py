"""What was told of the clusters' freshness is remembered alike: in memory, and in DynamoDB (on moto)."""

from builders.specs import cluster_spec
from builders.states import State


def test_nothing_is_remembered_at_first(state: State) -> None:
    assert state.notes.told() == {}


def test_codes_come_back_by_cluster_and_the_last_ones_count(state: State) -> None:
    state.notes.remember("prod-1", ("backup_stale",))
    state.notes.remember("prod-2", ("backup_keys_fell", "backup_size_fell"))
    state.notes.remember("prod-1", ("clock_suspect",))
    assert state.notes.told() == {"prod-1": ("clock_suspect",), "prod-2": ("backup_keys_fell", "backup_size_fell")}


def test_no_codes_are_forgotten_and_that_twice_is_no_error(state: State) -> None:
    state.notes.remember("prod-1", ("backup_stale",))
    for _ in range(2):
        state.notes.remember("prod-1", ())
    assert state.notes.told() == {}


def test_notes_are_no_clusters(state: State) -> None:
    state.clusters.put(cluster_spec(), replace=False)
    state.notes.remember("prod-9", ("backup_stale",))
    assert [spec.id for spec in state.clusters.list()] == ["prod-1"]


def test_a_thousand_clusters_are_remembered(state: State) -> None:
    wanted = {f"c-{number}": ("backup_stale",) for number in range(1000)}
    for cluster_id, codes in wanted.items():
        state.notes.remember(cluster_id, codes)
    assert state.notes.told() == wanted
