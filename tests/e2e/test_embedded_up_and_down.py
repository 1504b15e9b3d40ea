"""How the embedded stack starts and ends: its port, what a second `up` says, and that nothing outlives it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from builders import embedded
from builders.probe import Probe
from builders.proc import seen_in_processes
from builders.waiting import wait_for
from holdfast.errors import RefusedError
from holdfast.local import processes, stack
from holdfast.local.home import Home
from holdfast.local.localstack import USUAL_PORT


def test_a_free_port_is_found_when_the_usual_one_is_taken(probe: Probe) -> None:
    assert probe.info.port != USUAL_PORT


def test_the_stack_listens_on_loopback_only(probe: Probe) -> None:
    """A port that is bound on all interfaces could not be bound on another address of the loopback net."""
    with socket.create_server(("127.0.0.2", probe.info.port)) as other:
        assert other.getsockname()[1] == probe.info.port


def test_a_second_up_says_what_runs(probe: Probe) -> None:
    lines: list[str] = []
    again = stack.up(probe.home, lines.append)

    assert again == probe.info
    assert lines == [f"already running since {probe.info.started_at:%H:%M:%S} UTC"]
    assert stack.status(probe.home) == probe.info


def test_the_line_to_copy_names_the_endpoint_and_test_credentials(probe: Probe) -> None:
    assert probe.info.export_line == (
        f"export AWS_ENDPOINT_URL=http://127.0.0.1:{probe.info.port} AWS_ACCESS_KEY_ID=test "
        "AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=eu-west-1"
    )


def test_an_explicit_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RefusedError) as caught:
        stack.up(embedded.home(tmp_path), lambda _: None, port=taken.getsockname()[1])

    assert caught.value.code == "port_in_use"


def test_an_up_that_is_interrupted_leaves_nothing_running(tmp_path: Path) -> None:
    home, lines = embedded.home(tmp_path), []

    def interrupt(line: str) -> None:
        lines.append(line)
        if line.startswith("uploading"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stack.up(home, interrupt)

    assert lines[-1].startswith("uploading")
    assert stack.status(home) is None
    assert not _processes_of(home)


def _processes_of(home: Home) -> list[str]:
    """By their working folders: LocalStack's and each function's are below the home."""
    return seen_in_processes(
        lambda process: process.name if str(home.path) in str((process / "cwd").readlink()) else None
    )


UP = """
import sys
from pathlib import Path
from builders import embedded
from holdfast.local import stack
stack.up(embedded.home(Path(sys.argv[1])), lambda line: print(line, flush=True))
"""


def test_what_a_killed_up_left_is_found_and_ended(tmp_path: Path) -> None:
    home = embedded.home(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(embedded.PROJECT / "tests")}
    command = [sys.executable, "-c", UP, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as killed:
        assert killed.stdout is not None
        assert any(line.startswith("uploading") for line in killed.stdout)
        killed.kill()

    assert _processes_of(home)
    assert stack.status(home) is None
    assert stack.down(home) is True
    assert not _processes_of(home)


def test_functions_end_when_localstack_is_killed(probe: Probe) -> None:
    _, answer = probe.invoke(do="greet", name="Ada")
    os.kill(probe.info.pid, signal.SIGKILL)

    wait_for(lambda: not Path(f"/proc/{answer['pid']}").exists(), "the end of the function's process")

    assert stack.status(probe.home) is None
    assert stack.down(probe.home) is False
    assert not _processes_of(probe.home)


def test_down_leaves_no_process(probe: Probe) -> None:
    probe.invoke(do="greet", name="Ada")
    assert len(_processes_of(probe.home)) >= 2  # LocalStack and a sandbox

    assert stack.down(probe.home) is True

    assert not _processes_of(probe.home)
    assert not processes.marked(probe.info.stack_id)
    assert stack.status(probe.home) is None
    assert stack.down(probe.home) is False
