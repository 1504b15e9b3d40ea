"""When a control plane is down and when it is back, seen from outside: every node is asked twice a second, over an SSH
connection that stays. Whoever restores it is not asked."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bench.problem import BenchError

# kubeadm's places. A member is healthy when it answers a read that all have to agree to.
_ASK = """while :; do
    etcd=0 api=0
    curl -s -m 2 http://127.0.0.1:2381/health | grep -q '"health": *"true"' && etcd=1
    [ "$(curl -s -k -m 2 https://127.0.0.1:6443/readyz)" != ok ] || api=1
    echo "$etcd $api" || exit
    sleep 0.4
done
"""
_FIRST_S, _DEADLINE_S, _EVERY_S = 60, 900, 2


@dataclass(frozen=True)
class Look:
    """What one node said, and when that arrived here."""

    at: float
    node: str
    etcd: bool
    api: bool


@dataclass(frozen=True)
class Recovery:
    """Moments: the first API server that answered after none did; and when all members were healthy and all API
    servers ready, after every single one of both had been seen down."""

    first_api: float
    ready: float


def recovery(looks: Iterable[Look], nodes: Sequence[str], since: float) -> Recovery | None:
    """None as long as it is not complete."""
    now: dict[str, Look] = {}
    was_down: set[tuple[str, str]] = set()
    first_api = 0.0
    dark = False
    for look in looks:
        if look.at < since:
            continue
        now[look.node] = look
        was_down |= {(look.node, name) for name, up in (("etcd", look.etcd), ("api", look.api)) if not up}
        dark |= len(now) == len(nodes) and not any(each.api for each in now.values())
        if dark and look.api and not first_api:
            first_api = look.at
        if len(was_down) == 2 * len(nodes) and all(each.etcd and each.api for each in now.values()):
            return Recovery(first_api, look.at)
    return None


def follow(stream: IO[str], take: Callable[[float, str], None]) -> threading.Thread:
    """Hand on each line with the moment of its arrival, until there are no more."""

    def run() -> None:
        for line in stream:
            take(time.monotonic(), line.strip())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


class Probe:
    def __init__(self, ssh_config: Path, nodes: Sequence[str]) -> None:
        self._config, self._nodes = ssh_config, tuple(nodes)
        self._looks: list[Look] = []
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        for node in self._nodes:
            command = ["ssh", "-F", str(self._config), "-o", "ServerAliveInterval=15", node, "sh -s"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._processes[node] = process
            if process.stdin is None or process.stdout is None:
                raise BenchError("a process without pipes")
            process.stdin.write(_ASK)
            process.stdin.close()
            follow(process.stdout, partial(self._take, node))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.terminate()
            process.wait(timeout=10)

    def wait_until_up(self) -> None:
        """BenchError when it does not come, or the probe has no way to see it."""
        until = time.monotonic() + _FIRST_S
        while time.monotonic() < until:
            self._refuse_broken()
            last = {look.node: look for look in tuple(self._looks)}
            if len(last) == len(self._nodes) and all(look.etcd and look.api for look in last.values()):
                return
            time.sleep(0.5)
        raise BenchError(
            f"within {_FIRST_S} s not every node had http://127.0.0.1:2381/health and https://127.0.0.1:6443/readyz ok"
        )

    def wait_for_recovery(self, since: float, refuse_failed: Callable[[], object]) -> Recovery:
        """`refuse_failed` is called now and then, to raise when whoever restores has failed."""
        while time.monotonic() < since + _DEADLINE_S:
            self._refuse_broken()
            if found := recovery(tuple(self._looks), self._nodes, since):
                return found
            refuse_failed()
            time.sleep(_EVERY_S)
        raise BenchError(f"the control plane was not seen to go down and come back within {_DEADLINE_S} s")

    def _take(self, node: str, at: float, line: str) -> None:
        etcd, _, api = line.partition(" ")
        self._looks.append(Look(at, node, etcd == "1", api == "1"))

    def _refuse_broken(self) -> None:
        for node, process in self._processes.items():
            if process.poll() is not None:
                raise BenchError(f"the connection that looks at {node} ended with {process.returncode}")
