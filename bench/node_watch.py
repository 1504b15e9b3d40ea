"""What a step costs its node, seen from outside: how long it takes, and the memory of all its processes together."""

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.local.machines.machine import Machine
from holdfast.transports.steps import STEPS

EVERY_S = 0.05


def step_of(node: Machine, name: str) -> Path:
    """The directory of the newest step of that name, which is its key's third word."""
    found = [each for each in node.path(STEPS).iterdir() if each.name.split(".")[2:3] == [name]]
    return max(found, key=lambda each: each.stat().st_ctime)


def step_seconds(step: Path) -> float:
    """From when the node had the script to when it wrote down how it ended."""
    return (step / "code").stat().st_mtime - (step / "script").stat().st_mtime


class Watch:
    """`peaks` has, by the step's name, the largest sum of its processes' proportional set sizes in bytes.

    What runs for a step is in the session that the step began: its shells, its tools, and the etcdctl that the
    container's runtime starts. etcd is not.
    """

    def __init__(self, nodes: Sequence[Machine]) -> None:
        self.peaks: dict[str, int] = {}
        self._nodes = nodes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            for node in self._nodes:
                self._look(node)

    def _look(self, node: Machine) -> None:
        steps = node.path(STEPS)
        if not steps.is_dir():
            return
        # The node's own /proc, in which processes have the numbers that the node knows.
        processes = Path(f"/proc/{(node.folder / 'pid').read_text()}/root/proc")
        for step in steps.iterdir():
            if (step / "process").exists() and not (step / "code").exists():
                session = (step / "process").read_text().split()[0]
                name = step.name.split(".")[2]
                self.peaks[name] = max(self.peaks.get(name, 0), _memory(processes, session))


def _memory(processes: Path, session: str) -> int:
    return sum(_proportional(each) for each in processes.iterdir() if each.name.isdigit() and _is_of(each, session))


def _is_of(process: Path, session: str) -> bool:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[3] == session
    except OSError:  # it ended a moment ago
        return False


def _proportional(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
