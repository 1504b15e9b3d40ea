"""Waiting for something that another process does: tests look again and again, and say what never came."""

import time
from collections.abc import Callable

POLL_S = 0.1


def wait_for[T](look: Callable[[], T | None], what: str, within_s: float = 60) -> T:
    """The first answer that is something: not None, not empty, not False."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(POLL_S)
    raise AssertionError(f"{what} did not come within {within_s:g} s")
