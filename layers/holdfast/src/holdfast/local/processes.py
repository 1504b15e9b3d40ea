"""The processes of one stack, found by a mark in their environment.

A process id alone may belong to someone else after a restart. The mark is a random id that `up` writes down before it
starts anything, and that LocalStack and its Lambda processes carry: so a stack is found and ended whatever
happened to the command that started it. Linux only (/proc).
"""

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "HOLDFAST_LOCAL_STACK"
PROC = Path("/proc")
POLL_S = 0.02
LOOKS = 2


def marked(stack_id: str) -> list[int]:
    """Ids of the running processes with that mark (not of zombies)."""
    wanted = f"{MARK}={stack_id}".encode()
    entries = (entry for entry in PROC.iterdir() if entry.name.isdigit())
    return sorted(int(entry.name) for entry in entries if wanted in _environment(entry).split(b"\0"))


def is_running(pid: int, stack_id: str) -> bool:
    return f"{MARK}={stack_id}".encode() in _environment(PROC / str(pid)).split(b"\0")


def kill(stack_id: str) -> int:
    """Ends all of them at once, since nothing they hold is to be kept; returns how many there were.

    When it returns, their ports are free.
    """
    killed: set[int] = set()
    looks_without_any = 0
    # More than one look: a process may have forked meanwhile, and in the middle of an exec it shows no environment.
    while looks_without_any < LOOKS:
        left = marked(stack_id)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(left)
        looks_without_any = 0 if left else looks_without_any + 1
        time.sleep(POLL_S)
    while not all(_has_ended(pid) for pid in killed):
        time.sleep(POLL_S)
    return len(killed)


def _has_ended(pid: int) -> bool:
    """A process gives up its memory, and with it the mark, before its files and ports: a zombie has given up all."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in "ZX"


def _environment(process: Path) -> bytes:
    """Empty for a process that ended meanwhile, a zombie, or one of another user."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
