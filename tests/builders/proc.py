"""The processes of this machine, looked at in /proc: by another way than the code under test finds its own."""

import os
from collections.abc import Callable
from pathlib import Path


def seen_in_processes[T](look: Callable[[Path], T | None]) -> list[T]:
    """What `look` made of each process's folder in /proc, None left out, and this process too.

    A process that ends while it is looked at, or that is not ours to look at, counts as none.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            seen = look(entry)
        except OSError:
            continue
        if seen is not None:
            found.append(seen)
    return found
