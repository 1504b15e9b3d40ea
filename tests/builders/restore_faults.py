"""What goes wrong in a step of a restore, on real nodes behind a real sshd.

Each fault meets the step by its name and no other one. Of the nodes of a step n1 is hit late and n3 early, so that the
three are left in different states, as they would be.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from builders.restore_machine import Killed, Stopped
from holdfast.models.command import Command, CommandResult
from holdfast.transports.base import Running

Way = Literal["fails", "hangs", "unreachable", "stopped"]
# Long enough for the work of any step here; a step that hangs is ended on its node after so many seconds.
HANGS_S = 3
STARTS = "/var/log/starts"
_SAID = '{"code":"restore_tool_failed","message":"the test says so"}'
_EARLY = {"fails": f"echo '{_SAID}'\nexit 1\n", "hangs": "exec tail -f /dev/null\n"}
_LATE = {
    "fails": f"(\n%s\n) >/dev/null\necho '{_SAID}'\nexit 1\n",
    "hangs": "(\n%s\n) >/dev/null\nexec tail -f /dev/null\n",
}

type Run = Callable[[Command], Running | CommandResult]


@dataclass
class Fault:
    """`fails`: the script's work is done on `late` and it fails all the same, on `early` before it did anything.
    `hangs`: the same, past its time. `unreachable`: `cut` takes the node `of` away when the step has begun there.
    `stopped`: somebody stops the execution when the command has begun on the first node."""

    way: Way
    step: str
    phase: str = ""
    of: str = "n2"
    late: str = "n1"
    early: str = "n3"
    cut: Callable[[str], None] = lambda _node: None
    met: list[str] = field(default_factory=list)

    def meets(self, key: str) -> bool:
        _, phase, step, _ = key.rsplit(".", 3)
        return step == self.step and (phase == self.phase if self.phase else phase != "rollback")

    def run(self, node: str, command: Command, run: Run) -> Running | CommandResult:
        self.met.append(node)
        match self.way:
            case "fails" | "hangs":
                return run(self._spoiled(node, command))
            case "unreachable" if node == self.of and self.met.count(node) == 1:
                run(command)
                self.cut(node)
            case "stopped" if len(self.met) == 1:
                run(command)
                raise Stopped
        return run(command)

    def _spoiled(self, node: str, command: Command) -> Command:
        timeout_s = HANGS_S if self.way == "hangs" else command.timeout_s
        if node == self.late:
            return replace(command, script=_LATE[self.way].replace("%s", command.script), timeout_s=timeout_s)
        if node == self.early:
            return replace(command, script=_EARLY[self.way], timeout_s=timeout_s)
        return command


@dataclass
class Deaths(Fault):
    """At every step the function is killed once, when the command has ended on the first node and before it could note
    so. Every command writes down on its node that it began (STARTS)."""

    way: Way = "stopped"
    step: str = ""
    steps: list[str] = field(default_factory=list)

    def meets(self, key: str) -> bool:
        self.step = key.rsplit(".", 3)[2]
        return True

    def run(self, node: str, command: Command, run: Run) -> Running | CommandResult:
        self.met.append(node)
        counted = replace(command, script=f"echo {self.step} >>{STARTS}\n{command.script}")
        if self.step in self.steps:
            return run(counted)
        self.steps.append(self.step)
        while not isinstance(run(counted), CommandResult):
            time.sleep(0.05)
        raise Killed
