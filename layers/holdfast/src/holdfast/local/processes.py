"""The processes of one stack, found by a mark in their environment.

A process id alone may belong to someone else after a restart. The mark is a random id that `up` writes down before it
starts anything, and that LocalStack and its Lambda processes carry: so a stack is found and stopped whatever
happened to the command that started it. Linux only (/proc).
"""

import os
import signal
import time
from pathlib import Path

MARK = "HOLDFAST_LOCAL_STACK"
PROC = Path("/proc")
TERM_GRACE_S = 5.0
POLL_S = 0.05


def marked(stack_id: str) -> list[int]:
    """Ids of the running processes with that mark (not of zombies)."""
    wanted = f"{MARK}={stack_id}".encode()
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit() and wanted in _environment(entry).split(b"\0"):
            found.append(int(entry.name))
    return sorted(found)


def is_running(pid: int, stack_id: str) -> bool:
    return f"{MARK}={stack_id}".encode() in _environment(PROC / str(pid)).split(b"\0")


def stop(stack_id: str, leader: int | None) -> int:
    """Asks the leader to end, then kills what is left; returns how many processes there were."""
    running = marked(stack_id)
    _send(signal.SIGTERM, [leader] if leader in running else running)
    deadline = time.monotonic() + TERM_GRACE_S
    while time.monotonic() < deadline and marked(stack_id):
        time.sleep(POLL_S)
    while left := marked(stack_id):  # again and again: a process may have forked meanwhile
        _send(signal.SIGKILL, left)
        time.sleep(POLL_S)
    return len(running)


def _send(number: int, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _environment(process: Path) -> bytes:
    """Empty for a process that ended meanwhile, a zombie, or one of another user."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
