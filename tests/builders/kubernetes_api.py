"""A double of an API server, over real HTTPS: pods, nodes, exec and port-forward, with the words of a real one (1.20).

Programs of exec really run: in a privileged pod in the root of a test node (what `chroot /host` means there), in an
etcd pod on this machine with etcd's binaries on PATH. A port-forward really connects, to 127.0.0.1.

A pod is Pending at the first look and Running from the second on; a deleted one is seen once more, with a
deletionTimestamp. Its processes die with it. It leaves out: scheduling, watches, admission other than `refuse_pods`,
quotas, events, grace periods, patches, SPDY, v5 of the protocol, every other kind of object, and it never expires
anything by itself: `end_pod` stands for kubelet.
"""

import json
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from builders import kubernetes_streams as streams
from builders.kubernetes_state import TOKEN, KubernetesApiServer, Object, Refusal


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: KubernetesApiServer

    def do_GET(self) -> None:
        self._serve("get")

    def do_POST(self) -> None:
        self._serve("create")

    def do_DELETE(self) -> None:
        self._serve("delete")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent: `requests` has it all."""

    def _serve(self, verb: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.api.requests.append(f"{self.command} {self.path}")
        self.api.bodies.append(body.decode())
        try:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise Refusal(401, "Unauthorized", "Unauthorized")
            answer = self._answer(verb, json.loads(body or b"{}"))
        except Refusal as refusal:
            status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
            self._send(
                refusal.code, status | {"message": refusal.message, "reason": refusal.reason, "code": refusal.code}
            )
        else:
            if answer is not None:
                self._send(201 if verb == "create" else 200, answer)

    def _answer(self, verb: str, body: Object) -> Object | None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        words = url.path.split("/")[3:]
        if words[0] == "nodes":
            name = words[1] if len(words) > 1 else ""
            self.api.allow(verb if name else "list", "nodes", name)
            label = (query.get("labelSelector") or [""])[0]
            found = [] if name else [each for each in map(self.api.node, self.api.enter) if label in _labels(each)]
            return self.api.node(name) if name else _list("NodeList", found)
        name, subresource = (*words[3:], "", "")[:2]
        if subresource:
            self.api.allow(verb, f"pods/{subresource}", name)
            self._upgrade(name, subresource, query)
            return None
        self.api.allow("list" if verb == "get" and not name else verb, "pods", name)
        if verb == "create":
            return self.api.create(body)
        if verb == "delete":
            return self.api.delete(name, (body.get("preconditions") or {}).get("uid", ""))
        return (
            self.api.look(name) if name else _list("PodList", self.api.listed((query.get("labelSelector") or [""])[0]))
        )

    def _upgrade(self, name: str, subresource: str, query: dict[str, list[str]]) -> None:
        if "websocket" not in self.headers.get("Upgrade", ""):
            raise Refusal(400, "BadRequest", "Upgrade request required")
        if self.headers.get("Accept"):
            self._send(406, {}, b"406: Not Acceptable\n")
            return
        argv, path = self.api.command(name, query.get("command") or [])
        self.wfile.write(streams.accept(self.headers["Sec-WebSocket-Key"]))
        self.wfile.flush()
        self.close_connection = True
        stream = streams.Stream(self.connection)
        try:
            if subresource == "portforward":
                port = int(query["ports"][0])
                streams.forward(stream, port, ("127.0.0.1", port))
            else:
                streams.run(stream, argv, path, stdin="stdin" in query)
        except (OSError, ssl.SSLError):
            return  # the client went away

    def _send(self, code: int, value: Object, text: bytes = b"") -> None:
        data = text or json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that broke off, for example because it did not trust the certificate."""


@contextmanager
def kubernetes_api(api: KubernetesApiServer | None = None) -> Iterator[KubernetesApiServer]:
    """Serving on loopback until the block ends; the processes of its pods end with it."""
    api = api or KubernetesApiServer()
    pair = api.authority.issue_member("kube-apiserver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"{pair.certificate}\n{pair.key}\n")
        file.flush()
        context.load_cert_chain(file.name)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    # The handshake is each connection's own thread's: a client that hangs stops nobody else.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    api.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        for name in api.pod_names():
            api.remove_pod(name)
        server.shutdown()
        server.server_close()
        thread.join()


def _list(kind: str, items: list[Object]) -> Object:
    return {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}


def _labels(thing: Object) -> list[str]:
    return ["", *thing["metadata"]["labels"]]
