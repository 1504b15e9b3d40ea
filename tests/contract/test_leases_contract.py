"""What every store of leases keeps, for one run per cluster at a time: in memory, and DynamoDB (on moto)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from builders.runs import NOON
from builders.states import State
from holdfast.errors import RefusedError
from holdfast.state.base import Leases
from holdfast.state.failures import LeaseHeldError

SOON = NOON + timedelta(minutes=15)
RACES = 15


def holder(leases: Leases, cluster: str) -> str:
    """Who the refusal of somebody else's lease names."""
    with pytest.raises(RefusedError) as caught:
        leases.acquire(cluster, "somebody else", now=NOON, expires_at=SOON)
    (named,) = [owner for owner in ("run-a", "run-b") if owner in caught.value.message]
    return named


def test_a_lease_that_is_held_is_refused_with_its_owner_and_its_end(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)

    with pytest.raises(RefusedError) as caught:
        state.leases.acquire("prod-1", "run-b", now=NOON + timedelta(minutes=14), expires_at=SOON)

    assert caught.value.code == "lease_held"
    assert isinstance(caught.value, LeaseHeldError)
    assert caught.value.owner == "run-a"
    assert "run-a" in caught.value.message
    assert "2026-11-20T12:15:00Z" in caught.value.message


def test_a_lease_is_taken_again_by_its_owner_for_longer(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON + timedelta(minutes=5))

    with pytest.raises(RefusedError, match="12:20:00"):
        state.leases.acquire("prod-1", "run-b", now=SOON, expires_at=SOON)


def test_an_expired_lease_is_taken_over(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.acquire("prod-1", "run-b", now=SOON, expires_at=SOON + timedelta(minutes=15))

    with pytest.raises(RefusedError, match="run-b"):
        state.leases.acquire("prod-1", "run-a", now=SOON, expires_at=SOON)


def test_a_released_lease_is_free_and_only_its_owner_releases_it(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.release("prod-1", "run-b")
    with pytest.raises(RefusedError, match="run-a"):
        state.leases.acquire("prod-1", "run-b", now=NOON, expires_at=SOON)

    state.leases.release("prod-1", "run-a")
    state.leases.acquire("prod-1", "run-b", now=NOON, expires_at=SOON)


def test_releasing_what_nobody_holds_is_no_error_and_leaves_the_lease_free(state: State) -> None:
    state.leases.release("prod-1", "run-a")
    state.leases.acquire("prod-1", "run-b", now=NOON, expires_at=SOON)

    assert holder(state.leases, "prod-1") == "run-b"


def test_leases_of_two_clusters_do_not_meet(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.acquire("prod-2", "run-b", now=NOON, expires_at=SOON)

    assert (holder(state.leases, "prod-1"), holder(state.leases, "prod-2")) == ("run-a", "run-b")


def winners_of_a_race(leases: Leases, cluster: str) -> list[str]:
    """Four runs come at the same moment; those that got the lease."""
    owners = "abcd"
    gate = Barrier(len(owners))

    def come(owner: str) -> str | None:
        gate.wait()
        try:
            leases.acquire(cluster, owner, now=NOON, expires_at=SOON)
        except RefusedError:
            return None
        return owner

    with ThreadPoolExecutor(len(owners)) as pool:
        return [owner for owner in pool.map(come, owners) if owner]


def test_of_several_that_come_at_once_one_gets_the_lease(state: State) -> None:
    for round_number in range(RACES):
        assert len(winners_of_a_race(state.leases, f"c-{round_number}")) == 1


def test_an_expired_lease_is_taken_over_by_one_of_several(state: State) -> None:
    for round_number in range(RACES):
        cluster = f"c-{round_number}"
        state.leases.acquire(cluster, "dead", now=NOON - timedelta(hours=1), expires_at=NOON)

        assert len(winners_of_a_race(state.leases, cluster)) == 1


def test_a_renewed_lease_is_held_for_longer_also_when_it_had_expired(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=NOON + timedelta(minutes=1))
    state.leases.renew("prod-1", "run-a", expires_at=SOON)

    assert holder(state.leases, "prod-1") == "run-a"


def test_a_lease_of_another_run_is_not_renewed(state: State) -> None:
    state.leases.acquire("prod-1", "run-b", now=NOON, expires_at=SOON)

    with pytest.raises(RefusedError) as caught:
        state.leases.renew("prod-1", "run-a", expires_at=SOON)

    assert caught.value.code == "lease_lost"
    assert holder(state.leases, "prod-1") == "run-b"


def test_a_lease_that_was_given_back_stays_free(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.release("prod-1", "run-a")

    with pytest.raises(RefusedError, match="lease_lost"):
        state.leases.renew("prod-1", "run-a", expires_at=SOON)

    state.leases.acquire("prod-1", "run-b", now=NOON, expires_at=SOON)
