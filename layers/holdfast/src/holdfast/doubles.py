"""What the shipped doubles share: they fail when a test says so."""

from collections import deque

from holdfast.errors import HoldfastError


class FailsOnDemand:
    """`fail("acquire", error, error)`: the next two calls of `acquire` raise these, the one after works again."""

    def __init__(self) -> None:
        self._planned: dict[str, deque[HoldfastError]] = {}

    def fail(self, method: str, *errors: HoldfastError) -> None:
        if not callable(getattr(self, method, None)):
            raise AttributeError(f"{type(self).__name__} has no method {method}")
        self._planned.setdefault(method, deque()).extend(errors)

    def _reach(self, method: str) -> None:
        """Called first by every method of a double."""
        planned = self._planned.get(method)
        if planned:
            raise planned.popleft()
