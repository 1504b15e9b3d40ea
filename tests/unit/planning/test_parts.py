"""The size of a part: small for usual databases, and enough for the largest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.planning.parts import MAX_PARTS, MIB, SMALLEST_PART, part_size


@pytest.mark.parametrize("size", [0, 1, 100 * MIB, 2_000 * MIB, 8_000 * MIB])
def test_usual_databases_get_the_smallest_part(size: int) -> None:
    assert part_size(size) == 8 * MIB


@given(st.integers(min_value=0, max_value=20 * 1024**4))
def test_a_database_that_doubles_and_does_not_compress_still_fits(size: int) -> None:
    part = part_size(size)
    assert part * MAX_PARTS >= size * 2
    assert part >= SMALLEST_PART
    assert part % MIB == 0


def test_a_part_is_no_larger_than_it_must_be() -> None:
    size = 400 * 1024 * MIB
    assert (part_size(size) - MIB) * MAX_PARTS < size * 2
