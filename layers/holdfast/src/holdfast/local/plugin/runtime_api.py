"""The Lambda Runtime API for one sandbox: hands out the next invocation, takes its response or error.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal


@dataclass(frozen=True)
class Invocation:
    request_id: str
    function_arn: str
    deadline_ms: int
    trace_id: str
    payload: bytes


@dataclass(frozen=True)
class Outcome:
    """How an invocation, or the initialisation, ended. `exit` and `timeout` are reported by the sandbox itself."""

    kind: Literal["response", "error", "exit", "timeout"]
    payload: bytes


class RuntimeApi:
    """`ready` is set when the runtime first asks for work: its initialisation is over."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self._work: queue.Queue[Invocation | None] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def offer(self, invocation: Invocation) -> None:
        self._work.put(invocation)

    def take(self) -> Invocation | None:
        """Blocks until there is work; None means that the sandbox is being stopped."""
        self.ready.set()
        return self._work.get()

    def close(self) -> None:
        self._work.put(None)
        self._server.shutdown()
        self._server.server_close()


def _handler_for(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without these two a warm call costs 48 ms instead of 3: small writes wait for the peer's delayed ACK.
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Nothing: every poll of the runtime would be a line."""

        def do_GET(self) -> None:
            invocation = api.take()
            if invocation is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn)
            self.send_header("Lambda-Runtime-Trace-Id", invocation.trace_id)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(invocation.payload)))
            self.end_headers()
            self.wfile.write(invocation.payload)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.outcomes.put(Outcome("response" if self.path.endswith("/response") else "error", body))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
