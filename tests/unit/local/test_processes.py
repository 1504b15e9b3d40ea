import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from holdfast.local import processes

STACK = uuid.uuid4().hex
# Ignores SIGTERM and has a child in another session: as hard to end as a process of ours can be.
PROGRAM = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def stubborn() -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, processes.MARK: STACK}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


def test_all_processes_with_the_mark_are_found_and_ended(stubborn: "subprocess.Popen[str]") -> None:
    assert stubborn.stdout is not None
    child = int(stubborn.stdout.readline())
    assert processes.marked(STACK) == sorted([stubborn.pid, child])

    assert processes.kill(STACK) == 2

    assert processes.marked(STACK) == []
    assert stubborn.wait() < 0


def test_a_process_without_the_mark_is_left_alone(stubborn: "subprocess.Popen[str]") -> None:
    assert processes.is_running(stubborn.pid, STACK)
    assert not processes.is_running(stubborn.pid, "another")
    assert not processes.is_running(os.getpid(), STACK)

    assert processes.kill("another") == 0
    assert stubborn.poll() is None
