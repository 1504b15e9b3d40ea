"""Websockets to the API server, for exec and port-forward (subprotocol v4.channel.k8s.io).

`kubernetes.stream` is not used for them: it takes certificates only as files, has no deadline for connecting, and its
port-forward leaves one thread to copy both directions through growing buffers. This speaks websocket-client itself.
"""

import errno
import select
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

import websocket as websockets

from holdfast.errors import HoldfastError
from holdfast.transports.kubernetes.failures import answered, not_connected

CONNECT_S = 10.0
_SLICE_S = 1.0
PROTOCOL = "v4.channel.k8s.io"
BINARY = websockets.ABNF.OPCODE_BINARY
TEXT = websockets.ABNF.OPCODE_TEXT
CLOSE = websockets.ABNF.OPCODE_CLOSE
# What reading or writing an open websocket raises.
BROKEN = (websockets.WebSocketException, OSError)


class _TlsSocket:
    """A TLS socket that one thread reads while another one writes.

    OpenSSL's connections are not safe for that, and some releases of Python (3.13.6) hold a lock through a waiting
    recv. So the socket never blocks; waiting happens outside of the lock.
    """

    def __init__(self, secure: ssl.SSLSocket) -> None:
        secure.setblocking(False)
        self._secure = secure
        self._lock = threading.Lock()
        self._timeout_s: float | None = CONNECT_S

    def settimeout(self, seconds: float | None) -> None:
        self._timeout_s = seconds

    def gettimeout(self) -> float | None:
        return self._timeout_s

    def fileno(self) -> int:
        return self._secure.fileno()

    def recv(self, size: int) -> bytes:
        while True:
            try:
                with self._lock:
                    return self._secure.recv(size)
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b""
            self._wait(wanted)

    def send(self, data: bytes) -> int:
        while True:
            try:
                with self._lock:
                    return self._secure.send(data)
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            self._wait(wanted)

    def _wait(self, wanted: int) -> None:
        """In slices, so that a deadline counts that is set while somebody waits already."""
        since = time.monotonic()
        while True:
            left = _SLICE_S if self._timeout_s is None else since + self._timeout_s - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing for {self._timeout_s:g} s")
            descriptor = self._secure.fileno()
            if descriptor < 0:
                raise OSError(errno.EBADF, "the connection was closed")
            poll = select.poll()
            poll.register(descriptor, wanted)
            if poll.poll(min(left, _SLICE_S) * 1000):
                return

    def shutdown(self, how: int) -> None:
        """Wakes whoever waits. Not TLS's own shutdown: that would leave a plain socket behind."""
        socket.socket.shutdown(self._secure, how)

    def close(self) -> None:
        self._secure.close()


def connect(
    server: str, context: ssl.SSLContext, server_name: str | None, path: str, headers: list[str], doing: str
) -> websockets.WebSocket:
    """An open websocket to `path` (with its query) of `server`; its timeout is CONNECT_S until it is set.

    Straight to the server: no web proxy that the environment names, no redirect, which would get our token.
    """
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or 443
    try:
        plain = socket.create_connection((host, port), timeout=CONNECT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        secure = context.wrap_socket(plain, server_hostname=server_name or host)
    except OSError as error:
        raise not_connected(server, error) from error
    opened = websockets.WebSocket(enable_multithread=True, skip_utf8_validation=True)
    refusal: HoldfastError
    try:
        opened.connect(  # type: ignore[no-untyped-call]  # the library leaves it so
            f"wss://{parts.netloc}{path}",
            socket=_TlsSocket(secure),
            header=headers,
            subprotocols=[PROTOCOL],
            suppress_origin=True,
            redirect_limit=0,
            timeout=CONNECT_S,
        )
    except websockets.WebSocketBadStatusException as error:
        refusal = answered(doing, error.status_code, _bytes(error.resp_body))
    except BROKEN as error:
        refusal = not_connected(server, error)
    else:
        return opened
    secure.close()
    raise refusal


def hang_up(opened: websockets.WebSocket) -> None:
    """Close without the other side's goodbye, from any thread; called twice it does nothing."""
    transport = opened.sock
    if transport is None:
        return
    opened.connected = False
    try:
        transport.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
    finally:
        transport.close()


def _bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else str(body or "").encode()
