"""The Ceph that these tests and the measurements start: soon there, and never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builders.ceph import CephError, CephGateway, ceph_gateway
from builders.embedded import PROJECT
from builders.proc import seen_in_processes
from builders.waiting import wait_for

_STARTS_ONE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from builders.ceph import ceph_gateway
with ceph_gateway(Path(sys.argv[2])):
    print("up", flush=True)
    sys.stdin.read()
"""


def daemons_of(folder: Path) -> list[str]:
    """The command lines of the processes that were told of this folder."""

    def told(process: Path) -> str | None:
        line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return line if f"{folder}/ceph.conf" in line else None

    return seen_in_processes(told)


def test_it_has_three_daemons_and_is_gone_when_the_block_ends(gateway: CephGateway, tmp_path: Path) -> None:
    with ceph_gateway(tmp_path / "c"):
        assert len(daemons_of(tmp_path / "c")) == 3
    assert daemons_of(tmp_path / "c") == []


def test_it_is_gone_when_the_block_fails(gateway: CephGateway, tmp_path: Path) -> None:
    with pytest.raises(CephError, match="the test says so"), ceph_gateway(tmp_path / "c"):
        raise CephError("the test says so")
    assert daemons_of(tmp_path / "c") == []


def test_it_is_gone_when_whoever_started_it_is_killed(gateway: CephGateway, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    command = [sys.executable, "-c", _STARTS_ONE, str(PROJECT / "tests"), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == b"up\n"
        assert len(daemons_of(folder)) == 3
        os.kill(starter.pid, signal.SIGKILL)
    wait_for(lambda: not daemons_of(folder), "the end of Ceph's daemons", within_s=10)


def test_a_daemon_that_does_not_start_is_named_with_what_it_said(gateway: CephGateway, tmp_path: Path) -> None:
    with pytest.raises(CephError, match="radosgw ended"), ceph_gateway(tmp_path / "c", options="rgw zone=nowhere"):
        raise AssertionError("it started in a zone that does not exist")
    assert daemons_of(tmp_path / "c") == []
