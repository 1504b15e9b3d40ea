"""What every registry of clusters keeps: in memory, and DynamoDB (on moto)."""

import pytest

from builders.specs import cluster_spec
from builders.states import State
from holdfast.errors import PermanentError, RefusedError


def test_a_spec_comes_back_as_it_was_stored(state: State) -> None:
    spec = cluster_spec(description="the one in Frankfurt", retention={"keep_last": 7})

    assert state.clusters.put(spec, replace=False) is True
    assert state.clusters.get("prod-1") == spec


def test_a_second_cluster_with_the_same_id_is_refused(state: State) -> None:
    first = cluster_spec(description="first")
    state.clusters.put(first, replace=False)

    with pytest.raises(RefusedError) as caught:
        state.clusters.put(cluster_spec(description="second"), replace=False)

    assert caught.value.code == "cluster_exists"
    assert state.clusters.get("prod-1") == first


def test_a_spec_is_replaced_on_purpose(state: State) -> None:
    state.clusters.put(cluster_spec(description="first"), replace=True)

    assert state.clusters.put(cluster_spec(description="second"), replace=True) is False
    assert state.clusters.get("prod-1").description == "second"


def test_an_unknown_cluster_is_named(state: State) -> None:
    with pytest.raises(PermanentError, match="prod-9") as caught:
        state.clusters.get("prod-9")

    assert caught.value.code == "cluster_unknown"


def test_specs_are_listed_by_id_and_a_removed_one_is_gone(state: State) -> None:
    for cluster_id in ("prod-2", "alpha", "prod-1"):
        state.clusters.put(cluster_spec(cluster_id), replace=False)

    assert state.clusters.remove("prod-1") is True
    assert state.clusters.remove("prod-1") is False
    assert [spec.id for spec in state.clusters.list()] == ["alpha", "prod-2"]


def test_where_all_can_be_read_all_are(state: State) -> None:
    assert state.clusters.readable() == ((), {})
    for cluster_id in ("prod-2", "alpha"):
        state.clusters.put(cluster_spec(cluster_id), replace=False)
    specs, unreadable = state.clusters.readable()
    assert ([spec.id for spec in specs], unreadable) == (["alpha", "prod-2"], {})
