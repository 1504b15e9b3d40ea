"""Systems Manager's Run Command in this process, behind real HTTP, with a real node at its other end.

`RunCommandServer.answer_next` puts errors in the service's place; `cut_next` and others change one answer.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from builders.embedded import home
from builders.node import Node
from builders.waiting import wait_for
from holdfast.local import nodes
from holdfast.local.home import Home
from holdfast.local.plugin.ssm_commands import CallRefused, RunCommands
from holdfast.models.cluster import SsmTransport
from holdfast.models.command import Command, CommandResult
from holdfast.transports.base import Running
from holdfast.transports.ssm.transport import SsmNodes

INSTANCE = "i-0123456789abcdef0"
POLL_S = 0.02
SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")


@dataclass
class RunCommandServer:
    """`calls` are the operations that came by. `answer_next(operation, code)` refuses its next call on AWS's behalf;
    `change_next(changes)` replaces fields of the next GetCommandInvocation that tells an end."""

    core: RunCommands
    url: str = ""
    calls: list[str] = field(default_factory=list)
    refusals: dict[str, deque[tuple[str, int]]] = field(default_factory=dict)
    changes: deque[dict[str, Any]] = field(default_factory=deque)

    def answer_next(self, operation: str, *codes: str, status: int = 400) -> None:
        self.refusals.setdefault(operation, deque()).extend((code, status) for code in codes)

    def change_next(self, *changes: dict[str, Any]) -> None:
        self.changes.extend(changes)

    def client(self, *, attempts: int = 2) -> Any:
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=10)
        return SESSION.client("ssm", endpoint_url=self.url, config=config)

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append(operation)
        if self.refusals.get(operation):
            code, status = self.refusals[operation].popleft()
            return status, {"__type": code, "message": "on demand"}
        try:
            return 200, self._call(operation, request)
        except CallRefused as refused:
            return 400, {"__type": refused.code, "message": refused.message}

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "SendCommand":
                return {"Command": self.core.send(request)}
            case "GetCommandInvocation":
                told = self.core.invocation(request["CommandId"], request["InstanceId"])
                ended = told["Status"] not in ("Pending", "InProgress")
                return told | (self.changes.popleft() if ended and self.changes else {})
            case "CancelCommand":
                self.core.cancel(request["CommandId"], request.get("InstanceIds"))
                return {}
        raise AssertionError(operation)


@contextmanager
def run_command_server(at: Home, *, speed: float = 1.0, hidden_s: float = 0.05) -> Iterator[RunCommandServer]:
    made = RunCommandServer(RunCommands(at.nodes, speed=speed, hidden_s=hidden_s))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, made))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, made: RunCommandServer, *request: Any) -> None:
        self._made = made
        super().__init__(*request)  # handles the request

    def do_POST(self) -> None:
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self._made.answer(operation, request)
        body = json.dumps(answer, default=_seconds).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server uses
        """Nothing: pytest shows a test's own output."""


def _seconds(value: object) -> float:
    assert isinstance(value, datetime)
    return value.timestamp()


class Seconds:
    """A clock in seconds that a test moves on; it goes on by itself too."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class OverSsm:
    """One real node that Run Command reaches."""

    home: Home
    node: Node
    server: RunCommandServer
    clock: Seconds = field(default_factory=Seconds)
    instance: str = INSTANCE

    def transport(self, *, attempts: int = 2) -> SsmNodes:
        spec = SsmTransport.model_validate(
            {"kind": "ssm", "nodes": [{"name": self.node.name, "instance": self.instance}]}
        )
        return SsmNodes(spec, self.server.client(attempts=attempts), clock=self.clock)

    def register(self, *, online: bool = True) -> None:
        nodes.register(self.home, self.instance, self.node.enter(), online=online)

    def finish(self, key: str, command: Command, handle: str = "", transport: SsmNodes | None = None) -> CommandResult:
        """Looks until the step ended."""
        using = transport or self.transport()

        def ended() -> CommandResult | None:
            nonlocal handle
            answer = using.run(self.node.name, key, command, handle)
            if isinstance(answer, Running):
                handle = answer.handle
                return None
            return answer

        return wait_for(ended, f"the end of {key}", 30)


@contextmanager
def over_ssm(folder: Path, node: Node, *, speed: float = 1.0) -> Iterator[OverSsm]:
    at = home(folder / "stack")
    with run_command_server(at, speed=speed) as server:
        made = OverSsm(at, node, server)
        made.register()
        yield made
