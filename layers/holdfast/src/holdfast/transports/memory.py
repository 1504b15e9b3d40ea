"""Nodes in memory: steps as the contract has them, without a machine. Programs are Python functions of the test."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock

from holdfast.doubles import FailsOnDemand
from holdfast.errors import PermanentError, TransientError
from holdfast.models.command import STDERR_LIMIT, STDOUT_LIMIT, Command, CommandResult
from holdfast.transports.base import Capability, Running
from holdfast.transports.failures import cannot, unknown_node
from holdfast.transports.remote_files import command_failed, write_argv

type Program = Callable[[str, Command], CommandResult]


@dataclass
class _Step:
    result: CommandResult
    looks: int
    lost: bool = False


@dataclass
class MemoryTransport(FailsOnDemand):
    """`program(node, command)` is what a step does; it is called once per step, when it starts. `looks` is how often a
    step is found running before it is found finished, `says` what it says meanwhile, by node. `started` notes
    (node, key) of every start, `cancelled` likewise.

    It leaves out what a shell would do: a script is not run, and a secret goes nowhere.
    """

    names: Sequence[str]
    program: Program
    looks: int = 0
    capabilities: frozenset[Capability] = frozenset({"run", "upload_file", "fetch_file", "stream", "port_forward"})
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    ports: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    streams: Mapping[tuple[str, ...], bytes] = field(default_factory=dict)
    started: list[tuple[str, str]] = field(default_factory=list)
    cancelled: list[tuple[str, str]] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    closed: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._steps: dict[tuple[str, str], _Step] = {}
        self._one_at_a_time = Lock()

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.names)

    def run(self, node: str, key: str, command: Command, handle: str = "") -> Running | CommandResult:  # noqa: ARG002 - the contract has it
        self._at("run", node)
        with self._one_at_a_time:
            step = self._steps.get((node, key))
            if step is None:
                self.started.append((node, key))
                step = self._steps[node, key] = _Step(_kept(self.program(node, command)), self.looks)
        if step.lost:
            del self._steps[node, key]
            raise TransientError("node_step_lost", f"{node}: the step was started and its process is gone")
        if step.looks:
            step.looks -= 1
            return Running(handle=f"{node}/{key}", said=self.says.get(node, ""))
        return step.result

    def reboot(self, node: str) -> None:
        """What runs there is lost; what has ended is still known."""
        for (where, _), step in self._steps.items():
            step.lost = step.lost or (where == node and step.looks > 0)

    def end(self, node: str) -> None:
        """What runs there has ended by the next look."""
        for (where, _), step in self._steps.items():
            step.looks = 0 if where == node else step.looks

    def cancel(self, node: str, key: str) -> None:
        self._at("cancel", node)
        self.cancelled.append((node, key))
        for where, known in list(self._steps):
            if where == node and (known == key or (key.endswith(".") and known.startswith(key))):
                del self._steps[where, known]

    def upload_file(self, node: str, path: str, data: bytes, *, mode: int = 0o600) -> None:
        self._at("upload_file", node)
        write_argv(node, path, data, mode)
        self.files[node, path] = data

    def fetch_file(self, node: str, path: str, *, limit: int = 1 << 20) -> bytes:
        self._at("fetch_file", node)
        data = self.files.get((node, path))
        if data is None:
            raise PermanentError("node_file_missing", f"{node}: there is no {path}")
        if len(data) > limit:
            raise PermanentError(
                "node_file_too_large", f"{node}: {path} has {len(data)} bytes, at most {limit} are read"
            )
        return data

    @contextmanager
    def stream(self, node: str, argv: tuple[str, ...]) -> Iterator[Iterator[bytes]]:
        self._at("stream", node)
        if argv not in self.streams:
            raise command_failed(node, argv[0], 127, b"not found")
        yield iter([self.streams[argv]])

    def port_forward(self, node: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        self._at("port_forward", node)
        return self._forwarded(node, port)

    @contextmanager
    def _forwarded(self, node: str, port: int) -> Iterator[tuple[str, int]]:
        place = self.ports.get((node, port))
        if place is None:
            raise TransientError("node_unreachable", f"{node}: nothing listens at {port}")
        socket.create_connection(place, timeout=5).close()
        yield place

    def exec(self, node: str, argv: tuple[str, ...], *, timeout_s: float = 30.0) -> CommandResult:  # noqa: ARG002
        self._at("exec", node)
        return self.program(node, Command(script=" ".join(argv)))

    def close(self) -> None:
        self.closed += 1

    def _at(self, capability: str, node: str) -> None:
        self._reach(capability)
        if capability != "cancel" and capability not in self.capabilities:
            raise cannot("memory", capability)
        if node not in self.names:
            raise unknown_node(node, self.names)


def _kept(result: CommandResult) -> CommandResult:
    """As much of the output as a transport keeps."""
    cut = len(result.stdout) > STDOUT_LIMIT
    return CommandResult(
        result.exit_code, result.stdout[:STDOUT_LIMIT], result.stderr[-STDERR_LIMIT:], result.truncated or cut
    )
