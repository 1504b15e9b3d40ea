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
def refusing(path: Path, busy: RefusedError) -> Iterator[None]:
    """Fails with `busy` when somebody holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        yield
