"""The contract of a transport: how commands and files reach the nodes of one cluster.

Obligations of every implementation, held by tests/contract/test_transport_contract.py:

- Nothing waits for a command: `run` starts a step or looks at it, and returns. A step is a directory on the node named
  by its key (node/step.sh), so a second `run` with the same key finds the first one's state, running or finished,
  whatever became of the caller in between.
- No value of `Command.secrets` is ever in a process's arguments, in a log, in an error, in a handle, or in anything
  that a service keeps.
- `node` is one of `nodes`, else InvalidInputError `node_unknown`.
- Errors are of our tree: TransientError `node_unreachable` (no connection, a connection that broke, an agent that is
  away), TransientError `node_step_lost` (the step was started, and its process is gone without an exit code: the node
  was rebooted, or it was killed; what it left is removed, so the next `run` starts anew), PermanentError
  `node_access_denied` (the credentials or rights do not suffice), PermanentError `node_sudo_refused`, and the codes of
  the implementation. A command that fails is no error: it is a `CommandResult` with its exit code.
- What a transport cannot do is PermanentError `transport_cannot`, and not in `capabilities`.
- Connections are closed by `close`, which may be called twice.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from holdfast.models.command import Command, CommandResult

Capability = Literal["run", "upload_file", "fetch_file", "stream", "port_forward", "exec"]


@dataclass(frozen=True)
class Running:
    """The step is under way. `handle` is passed back at the next look (the id of an SSM command); JSON-safe, at most
    2,000 characters, no secret. `done` and `total` are bytes, as far as the step tells (0 and 0 when it does not);
    `said` is the last line that its script, or the program that it runs, has said so far."""

    handle: str = ""
    done: int = 0
    total: int = 0
    said: str = ""


class Transport(Protocol):
    """`run` with `handle` "" starts the step or finds it by its key; with a handle it looks at that one first."""

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def nodes(self) -> tuple[str, ...]: ...

    def run(self, node: str, key: str, command: Command, handle: str = "") -> Running | CommandResult: ...

    def cancel(self, node: str, key: str) -> None:
        """Stop the step if it runs, and remove what it left. Best effort for a node that does not answer: no error.

        A `key` that ends with a dot means every step whose key begins so (planning/naming.py: steps_of_run).
        """

    def upload_file(self, node: str, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """Write a small file (at most 1 MiB) as root, whole or not at all; its folder must exist."""

    def fetch_file(self, node: str, path: str, *, limit: int = 1 << 20) -> bytes:
        """A file as root reads it. PermanentError `node_file_missing`, `node_file_too_large` (more than `limit`)."""

    def stream(self, node: str, argv: tuple[str, ...]) -> AbstractContextManager[Iterator[bytes]]:
        """The standard output of a program run as root, as it comes; leaving the block early ends the program.

        After the last byte, PermanentError `node_command_failed` when the exit code was not 0, with its stderr.
        """

    def port_forward(self, node: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """A listener on our loopback whose connections come out at 127.0.0.1:`port` of the node: (host, port)."""

    def exec(self, node: str, argv: tuple[str, ...], *, timeout_s: float = 30.0) -> CommandResult:
        """A program in the node's etcd container, without a shell, waited for. Only Kubernetes has it."""

    def close(self) -> None: ...
