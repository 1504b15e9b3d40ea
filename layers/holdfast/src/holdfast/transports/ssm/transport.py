"""Steps on nodes through Systems Manager's Run Command: what answers at once is its API, what runs is on the node.

A look never waits: it sends a command, or asks once about the one that was sent before. So that no secret is in a
command, a step that has some begins with a command that asks the node for a key (sealing.py).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.cluster import SsmTransport
from holdfast.models.command import Command, CommandResult
from holdfast.transports.base import Capability, Running
from holdfast.transports.failures import cannot, unknown_node
from holdfast.transports.ssm.commands import Invocation, RunCommand
from holdfast.transports.ssm.handle import Handle, Phase, read_handle
from holdfast.transports.ssm.sealing import seal
from holdfast.transports.steps import STEPS, cancel_text, key_text, read_key, read_step, start_text

# Seconds. An invocation may be unknown for some moments after it was sent.
UNKNOWN_FOR_S = 60
# A command that runs for longer may have lost its agent, which nobody would tell: the step's directory is asked.
SILENT_FOR_S = 300
# A node that restarts is back within this; commands are sent anew until then.
AWAY_FOR_S = 600
# Commands that make no work of their own are done in a moment.
LOOK_S = 60
FAILURES = 2
# Systems Manager may take blank lines from the end of an output, and the lengths in our answer count them.
_BLANKS = "\n" * 64
_NOTHING = Running()


class SsmNodes:
    """`client` is boto3's for ssm. `steps` is where nodes keep steps; `clock` gives seconds since 1970."""

    capabilities: frozenset[Capability] = frozenset({"run"})

    def __init__(
        self,
        transport: SsmTransport,
        client: Any,
        *,
        steps: str = STEPS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._instances = {node.name: node.instance for node in transport.nodes}
        self._commands = RunCommand(client)
        self._steps = steps
        self._clock = clock
        self._sent: dict[tuple[str, str], str] = {}

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self._instances)

    def run(self, node: str, key: str, command: Command, handle: str = "") -> Running | CommandResult:
        """Errors beside the contract's: `ssm_node_unknown`, `ssm_command_too_large`, `ssm_command_cancelled`,
        `ssm_command_failed`, `ssm_key_refused`, `ssm_refused` (permanent), `ssm_unavailable` (transient)."""
        self._instance(node)
        if not handle:
            return self._look_anew(node, key, command, wait=True)
        before = read_handle(handle)
        self._sent[node, key] = before.command
        found = self._commands.look(node, self._instance(node), before.command)
        return self._after(node, key, command, before, found)

    def _after(
        self, node: str, key: str, command: Command, before: Handle, found: Invocation
    ) -> Running | CommandResult:
        age = self._clock() - before.sent
        match found.state:
            case "ended":
                return self._ended(node, key, command, before, found)
            case "unknown" | "waiting" | "running":
                patience = {"unknown": UNKNOWN_FOR_S, "running": SILENT_FOR_S}.get(found.state, AWAY_FOR_S)
                if age <= patience:
                    return Running(before.text())
                return self._look_anew(node, key, command)
            case "expired":
                # Systems Manager gave up on the command; what became of the step, its directory knows.
                return self._look_anew(node, key, command)
            case "undelivered":
                return self._undelivered(node, key, command, before, found)
            case "busy":
                raise TransientError("ssm_unavailable", f"{node}: Systems Manager says «{found.details}»")
            case "denied":
                raise PermanentError(
                    "node_access_denied",
                    f"{node}: Systems Manager says «{found.details}»",
                    hint="The caller may not command the node's resource group.",
                )
            case "cancelled":
                raise PermanentError(
                    "ssm_command_cancelled",
                    f"{node}: the command was ended from outside («{found.details}»)",
                    hint="Somebody cancelled it in Systems Manager. Run it again when that is settled.",
                )

    def _ended(
        self, node: str, key: str, command: Command, before: Handle, found: Invocation
    ) -> Running | CommandResult:
        output = found.output if found.cut else found.output + _BLANKS
        if not found.output.strip():
            return self._no_answer(node, key, command, before, found)
        answer = read_key(node, output) if before.phase == "key" else read_step(node, output)
        if isinstance(answer, str):
            sealed = seal(node, command.secrets, answer)
            text = start_text(key, command, steps=self._steps, wait=True, sealed=sealed)
            return Running(self._send(node, key, text, "step", command.timeout_s).text())
        if isinstance(answer, CommandResult):
            return answer
        return self._look_anew(node, key, command, found=answer)

    def _no_answer(
        self, node: str, key: str, command: Command, before: Handle, found: Invocation
    ) -> Running | CommandResult:
        """An agent that restarts ends its commands; the step is in a session of its own and goes on."""
        if found.exit_code == 0 or before.failures + 1 >= FAILURES:
            raise PermanentError(
                "ssm_command_failed",
                f"{node}: the agent ended the command with «{found.details}», exit code {found.exit_code}, and no "
                "answer of ours",
                hint="See the agent's log on the node, /var/log/amazon/ssm/amazon-ssm-agent.log.",
            )
        return self._look_anew(node, key, command, failures=before.failures + 1)

    def _undelivered(self, node: str, key: str, command: Command, before: Handle, found: Invocation) -> Running:
        """Sent anew for a while, at most once in a minute. The directory keeps a step from being run twice."""
        now = int(self._clock())
        away_since = before.away_since or before.sent
        if now - before.sent < UNKNOWN_FOR_S or now - away_since > AWAY_FOR_S:
            raise TransientError(
                "node_unreachable",
                f"{node}: no agent took the command («{found.details}»)",
                hint="Is the machine up, and does its agent reach Systems Manager (systemctl status amazon-ssm-agent)?",
            )
        return self._look_anew(node, key, command, away_since=away_since)

    def _look_anew(
        self,
        node: str,
        key: str,
        command: Command,
        *,
        wait: bool = False,
        found: Running = _NOTHING,
        away_since: int = 0,
        failures: int = 0,
    ) -> Running:
        """Start the step or find it. The command that starts it lasts as long as the step (`wait`); others do not.
        `found` is what was told of it a moment ago."""
        if command.secrets:
            sent = self._send(node, key, key_text(key, steps=self._steps), "key", LOOK_S)
        else:
            text = start_text(key, command, steps=self._steps, wait=wait)
            sent = self._send(node, key, text, "step", command.timeout_s if wait else LOOK_S)
        sent = sent.model_copy(update={"away_since": away_since, "failures": failures})
        return replace(found, handle=sent.text())

    def _send(self, node: str, key: str, text: str, phase: Phase, timeout_s: int) -> Handle:
        now = int(self._clock())
        comment = f"holdfast {key}"
        sent = self._commands.send(node, self._instance(node), text, comment=comment, timeout_s=timeout_s)
        self._sent[node, key] = sent
        return Handle(phase=phase, command=sent, sent=now)

    def cancel(self, node: str, key: str) -> None:
        """Sent, and not waited for: a node that is away gets it when it is back within two minutes."""
        instance = self._instance(node)
        if command := self._sent.pop((node, key), ""):
            with _best_effort():
                self._commands.cancel(node, instance, command)
        text = cancel_text(key, steps=self._steps)
        with _best_effort():
            self._commands.send(node, instance, text, comment=f"holdfast cancel {key}", timeout_s=LOOK_S)

    def upload_file(self, node: str, path: str, data: bytes, *, mode: int = 0o600) -> None:
        del node, path, data, mode
        raise cannot("ssm", "write files")

    def fetch_file(self, node: str, path: str, *, limit: int = 1 << 20) -> bytes:
        del node, path, limit
        raise cannot("ssm", "fetch files")

    def stream(self, node: str, argv: tuple[str, ...]) -> AbstractContextManager[Iterator[bytes]]:
        del node, argv
        raise cannot("ssm", "stream a program's output")

    def port_forward(self, node: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        del node, port
        raise cannot("ssm", "forward ports")

    def exec(self, node: str, argv: tuple[str, ...], *, timeout_s: float = 30.0) -> CommandResult:
        del node, argv, timeout_s
        raise cannot("ssm", "run programs in a container")

    def close(self) -> None:
        """Nothing is open between two calls."""

    def _instance(self, node: str) -> str:
        if node not in self._instances:
            raise unknown_node(node, self.nodes)
        return self._instances[node]


@contextmanager
def _best_effort() -> Iterator[None]:
    """A node that is gone or away needs no cancelling; a role that may not is a mistake to tell."""
    try:
        yield
    except HoldfastError as error:
        if error.code == "node_access_denied":
            raise
