"""A real HTTP proxy in front of an S3 server: it answers in its place, resets connections, cuts bodies, on demand."""

import http.client
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

POLL_S = 0.02  # the server looks this often whether to end; its default of 0.5 s would be the longest part of a test


@dataclass
class HttpFault:
    """Applies to the first `times` requests of `method` whose target contains `target`.

    "answer": an S3 error in place of the server's answer. "reset": the connection is reset after half of the request's
    body. "cut": the server's answer loses the second half of its body. "lose": the server does its work and the
    connection is closed without an answer. "flip": one bit of the request's body changes on the way. `unless` is a
    header, in small letters and as it must be, that keeps a request from the fault: what a bucket policy demands;
    `having` is one that a request must have to meet it.
    `headers` are those of the answer in the server's place.
    """

    method: str
    target: str
    act: Literal["answer", "reset", "cut", "lose", "flip"]
    times: int = 1
    status: int = 503
    code: str = "SlowDown"
    unless: tuple[str, str] | None = None
    having: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    met: int = field(default=0)


@dataclass
class FaultProxy:
    url: str
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def fault_proxy(
    upstream: str,
    faults: Sequence[HttpFault] = (),
    *,
    tls: ssl.SSLContext | None = None,
    drop: Sequence[str] = (),
) -> Iterator[FaultProxy]:
    """A proxy for `upstream` (http://host:port), which with `tls` speaks HTTPS itself. It lets the headers `drop`, in
    small letters, fall, so that the server looks like one that does not know them. `requests` lists what came by,
    "METHOD target", and `headers` what was in it, names in small letters."""
    proxy = FaultProxy(url="")
    lock = threading.Lock()
    host = urlsplit(upstream).netloc

    def due(method: str, target: str, headers: dict[str, str]) -> HttpFault | None:
        with lock:
            proxy.requests.append(f"{method} {target}")
            proxy.headers.append(headers)
            for fault in faults:
                spared = fault.unless and headers.get(fault.unless[0]) == fault.unless[1]
                if spared or (fault.having and fault.having not in headers):
                    continue
                if fault.method == method and fault.target in target and fault.met < fault.times:
                    fault.met += 1
                    return fault
        return None

    server = _Server(("127.0.0.1", 0), partial(_ProxyHandler, host, due, ("expect", "connection", *drop)))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    proxy.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that trusts somebody else ends the handshake: the test sees it there."""
        if not isinstance(sys.exception(), ssl.SSLError):
            super().handle_error(request, client_address)


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(
        self, upstream: str, due: Callable[..., HttpFault | None], drop: tuple[str, ...], *request: Any
    ) -> None:
        self._upstream, self._due, self._drop = upstream, due, drop
        super().__init__(*request)  # handles the request

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self._due(self.command, self.path, headers)
        length = int(self.headers.get("Content-Length", 0))
        if fault is not None and fault.act == "reset":
            self.rfile.read(length // 2)
            self._reset()
            return
        body = self.rfile.read(length)
        if fault is not None and fault.act == "answer":
            self._answer(fault)
            return
        if fault is not None and fault.act == "flip":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self._forward(body, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - the names that http.server looks for

    def _reset(self) -> None:
        # A linger of zero seconds makes close() send RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _answer(self, fault: HttpFault) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>on demand</Message></Error>".encode()
        self.send_response(fault.status)
        for header in fault.headers:
            self.send_header(*header)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _forward(self, body: bytes, fault: HttpFault | None) -> None:
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in self._drop}
        connection.request(self.command, self.path, body=body, headers=kept)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fault is not None and fault.act == "lose":
            self._reset()
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if fault is not None and fault.act == "cut":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Silence: pytest shows what matters."""
