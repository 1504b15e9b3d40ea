"""A program in a container, by argv and without a shell: stdin, stdout and stderr apart, and its exit code.

The protocol is v4.channel.k8s.io: the first byte of a message is its channel; channel 3 ends with a Status object.
It cannot say that stdin ended. A program that reads stdin must know how much comes.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import websocket as websockets

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.failures import broken
from holdfast.transports.kubernetes.websocket import BINARY, BROKEN, CLOSE, TEXT, hang_up

_STDIN, STDOUT, STDERR, _STATUS = range(4)
_CHUNK = 32 * 1024


@dataclass(frozen=True)
class Container:
    """`name` "" is the pod's only one."""

    namespace: str
    pod: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}"


@dataclass(frozen=True)
class Output:
    """`stdout` is at most the limit that was given; `truncated` says that there was more."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


class Execution:
    """One running program. `messages` gives its output; after the last of them `exit_code` is set."""

    def __init__(self, opened: websockets.WebSocket, container: Container, timeout_s: float) -> None:
        self._opened = opened
        self._container = container
        self._timeout_s = timeout_s
        self._ends = time.monotonic() + timeout_s
        self.exit_code = -1

    def send(self, stdin: bytes) -> None:
        try:
            self._opened.settimeout(self._left())
            for start in range(0, len(stdin), _CHUNK):
                self._opened.send_binary(bytes([_STDIN]) + stdin[start : start + _CHUNK])
        except TimeoutError:
            raise self._too_slow() from None
        except BROKEN as error:
            raise broken(str(self._container), error) from None

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Channel (STDOUT or STDERR) and bytes, as they come."""
        while True:
            code, data = self._receive()
            if code == CLOSE:
                raise broken(str(self._container), "it was closed before the program's exit code came")
            if code not in (BINARY, TEXT) or len(data) < 2:
                continue  # pings, and the empty messages that open each channel
            if data[0] == _STATUS:
                self.exit_code = _exit_code(self._container, data[1:])
                return
            if data[0] in (STDOUT, STDERR):
                yield data[0], data[1:]

    def _receive(self) -> tuple[int, bytes]:
        try:
            self._opened.settimeout(self._left())
            code, data = self._opened.recv_data()
        except (TimeoutError, websockets.WebSocketTimeoutException):
            raise self._too_slow() from None
        except BROKEN as error:
            raise broken(str(self._container), error) from None
        return code, data if isinstance(data, bytes) else str(data).encode()

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._too_slow()
        return left

    def _too_slow(self) -> HoldfastError:
        return TransientError(
            "kubernetes_exec_timeout",
            f"{self._container}: the program did not end within {self._timeout_s:g} s",
            hint="The node or its disk is overloaded, or the connection is dead.",
        )


@contextmanager
def running(
    api: KubernetesApi, container: Container, argv: Sequence[str], *, stdin: bool, timeout_s: float
) -> Iterator[Execution]:
    """Leaving the block closes the connection; the program then gets a broken pipe."""
    query = [("command", each) for each in argv] + [("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin else []
    query += [("container", container.name)] if container.name else []
    opened = api.connect(container.namespace, container.pod, "exec", query)
    try:
        yield Execution(opened, container, timeout_s)
    finally:
        hang_up(opened)


def execute(
    api: KubernetesApi,
    container: Container,
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    limit: int = 1 << 20,
    timeout_s: float = 30.0,
) -> Output:
    """Run to the end. A program that fails is a result; one that cannot be started is PermanentError
    `kubernetes_exec_failed`. Transient: `kubernetes_exec_timeout`, `kubernetes_stream_broken`."""
    kept: dict[int, bytearray] = {STDOUT: bytearray(), STDERR: bytearray()}
    truncated = False
    with running(api, container, argv, stdin=bool(stdin), timeout_s=timeout_s) as execution:
        execution.send(stdin)
        for channel, data in execution.messages():
            room = limit - len(kept[channel])
            truncated |= channel == STDOUT and len(data) > room
            kept[channel] += data[:room]
    return Output(execution.exit_code, bytes(kept[STDOUT]), bytes(kept[STDERR]), truncated)


def _exit_code(container: Container, text: bytes) -> int:
    try:
        status = json.loads(text)
        if status.get("status") == "Success":
            return 0
        causes = (status.get("details") or {}).get("causes") or []
        codes = [int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"]
        said = str(status.get("message", ""))[:500]
    except (ValueError, AttributeError, KeyError, TypeError):
        codes, said = [], text[:500].decode(errors="replace")
    if codes:
        return codes[0]
    if "not found" in said or "no such file" in said or "permission denied" in said:
        raise PermanentError(
            "kubernetes_exec_failed",
            f"{container}: the program could not be started: {said}",
            hint="The container's image has no such program; see the message.",
        )
    raise broken(str(container), said)
