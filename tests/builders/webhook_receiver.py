"""A receiver of webhooks on this machine: HTTPS with a CA of its own, and answers of the test's choice."""

import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pydantic import SecretStr

from holdfast.local.pki import CertificateAuthority, issue_ca
from holdfast.models.credentials import Webhook

PATH = "/services/T000/B000/c2VjcmV0LXBhdGg?wait=1"


@cache
def authority() -> CertificateAuthority:
    return issue_ca("webhook test CA")


@dataclass
class Receiver:
    """`heard` are (path, headers, body); `answers` are statuses in turn, 200 when there are no more. `silent` answers
    nothing until the test ends, `echoes` says back the first line of what it was asked."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    location: str = ""
    silent: threading.Event | None = None
    echoes: bool = False
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def webhook(self, *, key: str | None = None, ca: str | None = None, host: str = "127.0.0.1") -> Webhook:
        return Webhook(
            url=SecretStr(f"https://{host}:{self.port}{PATH}"),
            key=SecretStr(key) if key else None,
            ca=SecretStr(ca or authority().certificate),
        )


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, receiver: Receiver, *arguments: object) -> None:
        self._receiver = receiver
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        made = self._receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        made.heard.append((self.path, dict(self.headers), body))
        if made.silent:
            made.silent.wait(30)
            return
        if made.echoes:
            self.wfile.write(f"{self.requestline}\r\n".encode())
            self.close_connection = True
            return
        self.send_response(made.answers.pop(0) if made.answers else 200)
        if made.location:
            self.send_header("Location", made.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us, or has waited long enough."""


@contextmanager
def receiver(address: str = "127.0.0.1") -> Iterator[Receiver]:
    """Its certificate is for 127.0.0.1, wherever it listens."""
    made = Receiver()
    own = authority().issue_member("receiver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "own.pem"
        pem.write_text(own.certificate + own.key)
        context.load_cert_chain(pem)
    server = _Server((address, 0), partial(_Handler, made))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        if made.silent:
            made.silent.set()
        server.shutdown()
        server.server_close()
        thread.join()
