"""The doubles of the stored state, which ship with the package, fail when they are told to."""

from typing import Any

import pytest

from holdfast.errors import TransientError
from holdfast.state.memory import MemoryClusters, MemoryLeases, MemoryRuns


@pytest.mark.parametrize(
    ("double", "method", "arguments"),
    [
        (MemoryClusters(), "get", ("prod-1",)),
        (MemoryRuns(), "get", ("prod-1", "run-a")),
        (MemoryLeases(), "release", ("prod-1", "run-a")),
    ],
)
def test_a_double_fails_as_often_as_it_is_told(double: Any, method: str, arguments: tuple[str, ...]) -> None:
    planned = [TransientError("state_unavailable", "first"), TransientError("state_unavailable", "second")]
    double.fail(method, *planned)

    for expected in planned:
        with pytest.raises(TransientError) as caught:
            getattr(double, method)(*arguments)
        assert caught.value is expected
    with pytest.raises(AttributeError, match="no method"):
        double.fail("no_such_method", *planned)
