"""The nodes of a cluster over SSH: steps by a root shell that reads its text from standard input."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from holdfast.errors import HoldfastError
from holdfast.models.cluster import SshHost, SshTransport
from holdfast.models.command import Command, CommandResult
from holdfast.models.credentials import SshKey
from holdfast.transports.base import Capability, Running
from holdfast.transports.failures import cannot, unknown_node
from holdfast.transports.ssh import files
from holdfast.transports.ssh.connection import SshDeadlines, connect, dialled
from holdfast.transports.ssh.failures import jump_refuses, jump_unreachable, unreachable
from holdfast.transports.ssh.forward import forwarded
from holdfast.transports.ssh.keys import private_key
from holdfast.transports.ssh.shell import Shell
from holdfast.transports.steps import STEPS, cancel_text, read_step, start_text


class SshNodes:
    """The Transport over SSH. Each node has one connection, made when it is first needed and kept until `close`; one
    that broke meanwhile is made anew once. All go through one connection to the jump host, where there is one."""

    capabilities: frozenset[Capability] = frozenset({"run", "upload_file", "fetch_file", "stream", "port_forward"})

    def __init__(
        self,
        transport: SshTransport,
        key: SshKey,
        jump_key: SshKey,
        *,
        deadlines: SshDeadlines | None = None,
        steps: str = STEPS,
    ) -> None:
        self._spec = transport
        self._hosts = {node.name: node for node in transport.nodes}
        self._key = private_key(key)
        self._jump_key = private_key(jump_key)
        self._deadlines = deadlines or SshDeadlines()
        self._steps = steps
        self._open: dict[str, paramiko.Transport] = {}
        self._jump: paramiko.Transport | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self._hosts)

    def run(self, node: str, key: str, command: Command, handle: str = "") -> Running | CommandResult:  # noqa: ARG002
        """The step is found by its key; a handle is not needed."""
        return read_step(node, self._text(node, start_text(key, command, steps=self._steps)))

    def cancel(self, node: str, key: str) -> None:
        self._refuse_unknown(node)
        try:
            self._text(node, cancel_text(key, steps=self._steps))
        except HoldfastError as error:
            if error.family != "transient":
                raise

    def upload_file(self, node: str, path: str, data: bytes, *, mode: int = 0o600) -> None:
        files.write_file(self._shell(node), node, path, data, mode)

    def fetch_file(self, node: str, path: str, *, limit: int = 1 << 20) -> bytes:
        return files.read_file(self._shell(node), node, path, limit)

    @contextmanager
    def stream(self, node: str, argv: tuple[str, ...]) -> Iterator[Iterator[bytes]]:
        with self._shell(node).streamed(argv) as blobs:
            yield blobs

    @contextmanager
    def port_forward(self, node: str, port: int) -> Iterator[tuple[str, int]]:
        with forwarded(node, self._transport(node), port, self._deadlines.connect_s) as place:
            yield place

    def exec(self, node: str, argv: tuple[str, ...], *, timeout_s: float = 30.0) -> CommandResult:  # noqa: ARG002
        raise cannot("ssh", "run programs in a container")

    def close(self) -> None:
        opened, self._open = self._open, {}
        for transport in opened.values():
            transport.close()
        if self._jump is not None:
            self._jump.close()
            self._jump = None

    def _text(self, node: str, text: str) -> str:
        """What a root shell prints for the text. Steps find what they began, so asking twice does no harm."""
        kept = node in self._open
        try:
            return self._shell(node).answer(text)
        except HoldfastError as error:
            if not kept or error.code != "node_unreachable":
                raise
        self._drop(node)
        return self._shell(node).answer(text)

    def _shell(self, node: str) -> Shell:
        return Shell(node, self._transport(node), self._spec.user, self._deadlines)

    def _transport(self, node: str) -> paramiko.Transport:
        self._refuse_unknown(node)
        opened = self._open.get(node)
        if opened is None or not opened.is_active():
            self._drop(node)
            opened = self._open[node] = connect(
                node,
                self._hosts[node],
                self._spec.user,
                self._key,
                lambda: self._dialled(self._hosts[node], node),
                deadlines=self._deadlines,
                unreachable=unreachable,
            )
        return opened

    def _drop(self, node: str) -> None:
        opened = self._open.pop(node, None)
        if opened is not None:
            opened.close()

    def _dialled(self, host: SshHost, node: str) -> socket.socket | paramiko.Channel:
        if self._spec.jump is None:
            return dialled(host, self._deadlines.connect_s)
        jump = self._jump_host()
        try:
            return jump.open_channel(
                "direct-tcpip", (host.host, host.port), ("127.0.0.1", 0), timeout=self._deadlines.connect_s
            )
        except paramiko.ChannelException as error:
            raise jump_refuses(node, error.code, error.text) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            jump.close()
            raise jump_unreachable(f"jump host {self._spec.jump.host}", error) from error

    def _jump_host(self) -> paramiko.Transport:
        jump = self._spec.jump
        if jump is None:
            raise ValueError("there is no jump host")
        if self._jump is None or not self._jump.is_active():
            self._jump = connect(
                f"jump host {jump.host}",
                jump,
                jump.user or self._spec.user,
                self._jump_key,
                lambda: dialled(jump, self._deadlines.connect_s),
                deadlines=self._deadlines,
                unreachable=jump_unreachable,
            )
        return self._jump

    def _refuse_unknown(self, node: str) -> None:
        if node not in self._hosts:
            raise unknown_node(node, self._hosts)
