"""Waiting for what another process does."""

import time
from collections.abc import Callable

from holdfast.errors import PermanentError

POLL_S = 0.05


def wait_for[T](look: Callable[[], T | None], what: str, within_s: float) -> T:
    """The first answer that is something: not None, not empty, not False. PermanentError `machine_failed` after
    `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(POLL_S)
    raise PermanentError("machine_failed", f"{what} did not come within {within_s:g} s")
