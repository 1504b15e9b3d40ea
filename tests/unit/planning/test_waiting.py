"""Few looks at long work, and none too late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.planning.waiting import LONGEST_S, SHORTEST_S, SPEAKING_S, first_wait, next_wait


def looks(takes: float, expected_bytes: int = 0) -> tuple[int, float]:
    """How often work that takes so many seconds is looked at, and how late its end is seen."""
    passed, count = float(first_wait(expected_bytes)), 1
    while passed < takes:
        passed += next_wait(passed)
        count += 1
    return count, passed - takes


@given(st.floats(min_value=0, max_value=6600))
def test_the_end_is_seen_late_by_half_of_the_work_at_most(takes: float) -> None:
    _, late = looks(takes)
    assert late <= max(takes / 2 + SHORTEST_S, SHORTEST_S)
    assert late <= LONGEST_S


@pytest.mark.parametrize(("takes", "most"), [(10, 8), (100, 13), (1_000, 30), (6_600, 125)])
def test_looks_are_few(takes: int, most: int) -> None:
    assert looks(takes)[0] <= most


def test_work_that_says_what_it_does_is_looked_at_more_often() -> None:
    assert [next_wait(passed, speaks=True) for passed in (0, 10, 60, 61, 6_000)] == [SHORTEST_S, 5, 30, SPEAKING_S, 30]


def test_work_of_a_known_size_is_first_looked_at_when_it_may_be_done() -> None:
    assert first_wait(400_000_000) == 8
    assert first_wait(0) == SHORTEST_S
    assert first_wait(10**12) == LONGEST_S
