"""The server's side of exec and port-forward over a websocket (v4.channel.k8s.io), as containerd and kubelet speak it.

One thread serves one connection and copies 32 KiB at a time, as they do.
"""

import json
import select
import socket
import ssl
import subprocess
from collections.abc import Sequence
from http import HTTPStatus

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.utils import accept_key

_CHUNK = 32 * 1024
_DATA, _ERROR = 0, 1
_STDOUT, _STDERR, _STATUS = 1, 2, 3
SUBPROTOCOL = "v4.channel.k8s.io"


def accept(key: str) -> bytes:
    """The answer to a request for an upgrade."""
    return (
        f"HTTP/1.1 {HTTPStatus.SWITCHING_PROTOCOLS.value} Switching Protocols\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n"
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    ).encode()


class Stream:
    def __init__(self, opened: ssl.SSLSocket) -> None:
        self._opened = opened
        self._protocol = Protocol(SERVER, state=OPEN, max_size=None)

    def send(self, channel: int, data: bytes) -> None:
        self._protocol.send_binary(bytes([channel]) + data)
        self._flush()

    def close(self) -> None:
        self._protocol.send_close(1000)
        self._flush()

    def receive(self) -> list[bytes] | None:
        """Messages that came; None when the client is gone. Reads once."""
        data = self._opened.recv(_CHUNK)
        if not data:
            return None
        self._protocol.receive_data(data)
        frames = [each for each in self._protocol.events_received() if isinstance(each, Frame)]
        if any(frame.opcode is Opcode.CLOSE for frame in frames):
            return None
        return [bytes(frame.data) for frame in frames if frame.opcode is Opcode.BINARY]

    def ready(self, *others: int) -> list[int]:
        """Which descriptors have something to read; the client's own is -1."""
        if self._opened.pending():
            return [-1]
        own = self._opened.fileno()
        found, _, _ = select.select([own, *others], [], [], 60)
        return [-1 if each == own else each for each in found]

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._opened.sendall(data)


def forward(stream: Stream, port: int, address: tuple[str, int]) -> None:
    number = port.to_bytes(2, "little")
    stream.send(_DATA, number)
    stream.send(_ERROR, number)
    try:
        upstream = socket.create_connection(address, timeout=5)
    except OSError as error:
        said = f"failed to connect to localhost:{port} inside namespace: dial tcp4: connect: {error.strerror}"
        stream.send(_ERROR, f"error forwarding port {port} to pod: {said}".encode())
        stream.close()
        return
    with upstream:
        while True:
            for each in stream.ready(upstream.fileno()):
                if each == -1:
                    messages = stream.receive()
                    if messages is None:
                        return
                    for message in messages:
                        upstream.sendall(message[1:])
                    continue
                try:
                    data = upstream.recv(_CHUNK)
                except ConnectionResetError:
                    data = b""
                if not data:
                    stream.close()
                    return
                stream.send(_DATA, data)


def run(stream: Stream, argv: Sequence[str], path: str, *, stdin: bool) -> None:
    """`argv` as it is, found by `path`. When the client goes away the program does not notice before it writes."""
    for channel in (_STDOUT, _STDERR, _STATUS):
        stream.send(channel, b"")
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": path, "HOME": "/root"},
            bufsize=0,
        )
    except FileNotFoundError:
        words = f'unable to start container process: exec: "{argv[0]}": executable file not found in $PATH: unknown'
        _end(
            stream, _failure(f"Internal error occurred: error executing command in container: {words}", "InternalError")
        )
        return
    assert process.stdout is not None
    assert process.stderr is not None
    channels = {process.stdout.fileno(): _STDOUT, process.stderr.fileno(): _STDERR}
    pipes = {process.stdout.fileno(): process.stdout, process.stderr.fileno(): process.stderr}
    with process:
        while channels:
            for each in stream.ready(*channels):
                if each == -1:
                    messages = stream.receive()
                    if messages is None:
                        process.stdout.close()
                        process.stderr.close()
                        return
                    for message in messages:
                        _feed(process, message[1:])
                elif data := pipes[each].read(_CHUNK):
                    stream.send(channels[each], data)
                else:
                    del channels[each]
        if process.stdin is not None:
            process.stdin.close()
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode  # as a runtime tells a signal
    _end(stream, {"metadata": {}, "status": "Success"} if code == 0 else _non_zero(code))


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    try:
        view = memoryview(data)
        while view:
            view = view[process.stdin.write(view) or 0 :]
    except BrokenPipeError:
        return


def _end(stream: Stream, status: dict[str, object]) -> None:
    stream.send(_STATUS, json.dumps(status).encode())
    stream.close()


def _failure(message: str, reason: str, **more: object) -> dict[str, object]:
    return {"metadata": {}, "status": "Failure", "message": message, "reason": reason, **more}


def _non_zero(code: int) -> dict[str, object]:
    causes = {"causes": [{"reason": "ExitCode", "message": str(code)}]}
    words = f"command terminated with non-zero exit code: exit status {code}"
    return _failure(words, "NonZeroExitCode", details=causes)
