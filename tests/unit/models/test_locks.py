"""`lock` of a cluster file: what it says, and what is not taken for it."""

import pytest
from pydantic import ValidationError

from builders.specs import cluster_spec
from holdfast.models.cluster import LockSpec


def test_a_cluster_is_locked_only_when_its_file_says_so() -> None:
    assert cluster_spec().lock is None
    assert cluster_spec(lock={"mode": "compliance", "days": 7}).lock == LockSpec(mode="compliance", days=7)


@pytest.mark.parametrize(
    "lock",
    [
        {"mode": "governance"},
        {"days": 30},
        {"mode": "legal", "days": 30},
        {"mode": "GOVERNANCE", "days": 30},
        {"mode": "governance", "days": 0},
        {"mode": "governance", "days": 36_501},
        {"mode": "governance", "days": 1.5},
        {"mode": "governance", "days": 30, "years": 1},
        "governance",
    ],
)
def test_a_lock_that_is_not_meant_so_is_refused(lock: object) -> None:
    with pytest.raises(ValidationError):
        cluster_spec(lock=lock)


def test_a_lock_in_a_storage_that_says_it_has_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="object_lock: false"):
        cluster_spec(lock={"mode": "governance", "days": 30}, storage={"object_lock": False})
