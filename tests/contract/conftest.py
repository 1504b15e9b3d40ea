"""The state contracts are asked of every implementation; several files do."""

from collections.abc import Iterator

import pytest

from builders import states


@pytest.fixture(params=[states.memory, states.dynamodb], ids=lambda made: made.__name__)
def state(request: pytest.FixtureRequest) -> Iterator[states.State]:
    with request.param() as made:
        yield made
