"""Processes of a stack are found by their mark and ended, stubborn ones too, and nobody else's."""

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from holdfast.local import processes

STACK = uuid.uuid4().hex
# Each prints its id once it runs: in the middle of an exec, a process has no environment to read.
CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
# Ignores SIGTERM and has a child in another session: as hard to end as a process of ours can be.
PARENT = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.run([sys.executable, "-c", {CHILD!r}], start_new_session=True)
"""


@dataclass(frozen=True)
class Family:
    parent: "subprocess.Popen[str]"
    child: int


@pytest.fixture
def stubborn() -> Iterator[Family]:
    environment = {**os.environ, processes.MARK: STACK}
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        yield Family(parent, child)
        for pid in (parent.pid, child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_all_processes_with_the_mark_are_found_and_ended(stubborn: Family) -> None:
    assert processes.marked(STACK) == sorted([stubborn.parent.pid, stubborn.child])

    assert processes.kill(STACK) == 2

    assert processes.marked(STACK) == []
    assert stubborn.parent.wait() < 0


def test_a_process_without_the_mark_is_left_alone(stubborn: Family) -> None:
    assert processes.is_running(stubborn.parent.pid, STACK)
    assert not processes.is_running(stubborn.parent.pid, "another")
    assert not processes.is_running(os.getpid(), STACK)

    assert processes.kill("another") == 0
    assert stubborn.parent.poll() is None
