"""A lock between processes: a file that the kernel frees when its holder ends, however it ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from holdfast.errors import RefusedError


@contextlib.contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Waits until nobody else holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Fails with `stack_busy` when somebody holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                "stack_busy", f"another command is starting or stopping the stack in {path.parent}", hint="wait for it"
            ) from error
        yield
