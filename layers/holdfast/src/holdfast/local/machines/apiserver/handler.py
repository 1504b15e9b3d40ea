"""One request to the stand-in: who asks, what for, and the answer."""

import json
import ssl
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from holdfast.local.machines.apiserver import objects
from holdfast.local.machines.apiserver.objects import KINDS, Kind
from holdfast.local.machines.apiserver.store import CompactedError, Store, StoreAwayError, Stored

_PUBLIC = ("/readyz", "/livez", "/healthz", "/version")
_TRIES = 20
# For a watch that names no end.
_WATCH_S = 300.0


class RefusedError(Exception):
    def __init__(self, status: HTTPStatus, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    store: ClassVar[Store]

    def setup(self) -> None:
        self.request.settimeout(self.timeout)
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._admit(url.path)
            if url.path in _PUBLIC:
                self._send_public(url.path)
            else:
                self._serve(url.path, {name: values[0] for name, values in parse_qs(url.query).items()}, given)
        except RefusedError as error:
            self._send(_status(error.status, error.reason, str(error)), error.status)
        except StoreAwayError as error:
            message = f"etcdserver: {error}"
            self._send(_status(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", message), 500)

    def _admit(self, path: str) -> None:
        known: dict[str, Any] = (
            dict(self.request.getpeercert() or {}) if isinstance(self.request, ssl.SSLSocket) else {}
        )
        subject: list[tuple[str, str]] = [pair for part in known.get("subject", ()) for pair in part]
        user = next((value for name, value in subject if name == "commonName"), "system:anonymous")
        groups = {value for name, value in subject if name == "organizationName"}
        if "system:masters" in groups or path in _PUBLIC:
            return
        if "system:nodes" not in groups or not path.startswith(("/api/v1/nodes", "/apis/coordination.k8s.io/")):
            raise RefusedError(HTTPStatus.FORBIDDEN, "Forbidden", f'User "{user}" cannot {self.command} path "{path}"')

    def _send_public(self, path: str) -> None:
        if path == "/version":
            return self._send({"major": "1", "minor": "20", "gitVersion": "v1.20.2"})
        body, status = b"ok", 200
        if path == "/readyz":
            try:
                self.store.range("/registry/health")
            except StoreAwayError as error:
                body, status = f"[+]ping ok\n[-]etcd failed: {error}\nreadyz check failed\n".encode(), 500
        return self._send_bytes(body, "text/plain; charset=utf-8", status)

    def _serve(self, path: str, query: dict[str, str], given: bytes) -> None:
        kind, namespace, name = _place(path)
        below = "/".join(part for part in (kind.below, namespace) if part)
        selector = query.get("fieldSelector", "").removeprefix("metadata.name=")
        key = f"{below}/{name or selector}"
        if self.command == "GET" and query.get("watch") in ("1", "true"):
            self._watch(kind, key, query, prefix=not (name or selector))
        elif self.command == "GET" and name:
            stored = _found(self.store.get(key), kind, name)
            self._show(kind, [self._read(kind, stored)], stored.revision, alone=True)
        elif self.command == "GET":
            found, revision = self.store.range(key, prefix=not selector)
            self._show(kind, [self._read(kind, each) for each in found], revision)
        elif self.command == "POST" and not name:
            self._create(kind, namespace, below, _json(given))
        elif self.command == "PUT" and name:
            self._update(kind, key, name, _json(given))
        elif self.command == "DELETE" and name:
            _found(self.store.delete(key), kind, name)
            self._send({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        else:
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", "this stand-in cannot do that")

    def _create(self, kind: Kind, namespace: str, below: str, given: dict[str, Any]) -> None:
        value = objects.new(kind, namespace, given)
        name = str(value["metadata"].get("name", ""))
        revision = self.store.create(f"{below}/{name}", objects.written(value)) if name else None
        if revision is None:
            raise RefusedError(HTTPStatus.CONFLICT, "AlreadyExists", f'{kind.name} "{name}" already exists')
        value["metadata"]["resourceVersion"] = str(revision)
        self._send(value, 201)

    def _update(self, kind: Kind, key: str, name: str, given: dict[str, Any]) -> None:
        wanted = given.get("metadata", {}).get("resourceVersion")
        for _ in range(_TRIES):
            stored = _found(self.store.get(key), kind, name)
            if wanted and wanted != str(stored.revision):
                break
            value = objects.changed(objects.read(kind, stored), given)
            revision = self.store.update(key, objects.written(value), stored.revision)
            if revision is not None:
                value["metadata"]["resourceVersion"] = str(revision)
                return self._send(value)
        raise RefusedError(HTTPStatus.CONFLICT, "Conflict", f'{kind.name} "{name}" has been modified')

    def _read(self, kind: Kind, stored: Stored) -> dict[str, Any]:
        value = objects.read(kind, stored)
        if kind.name != "Node":
            return value
        leases = KINDS["leases"]
        lease = self.store.get(f"{leases.below}/kube-node-lease/{value['metadata']['name']}")
        return objects.with_readiness(value, objects.read(leases, lease) if lease else None)

    def _show(self, kind: Kind, values: list[dict[str, Any]], revision: int, *, alone: bool = False) -> None:
        if "as=Table" in self.headers.get("Accept", ""):
            self._send(objects.table(kind, values, revision))
        elif alone:
            self._send(values[0])
        else:
            listed = {"metadata": {"resourceVersion": str(revision)}, "items": values}
            self._send({"kind": f"{kind.name}List", "apiVersion": kind.api_version, **listed})

    def _watch(self, kind: Kind, key: str, query: dict[str, str], *, prefix: bool) -> None:
        """Without a version to begin at, what there is comes first."""
        since = int(query.get("resourceVersion") or 0)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if not since:
            found, since = self.store.range(key, prefix=prefix)
            for each in found:
                self._send_event("ADDED", self._read(kind, each))
        try:
            timeout_s = float(query.get("timeoutSeconds") or _WATCH_S)
            for change in self.store.watch(key, since + 1, prefix=prefix, timeout_s=timeout_s):
                self._send_event(change.kind, self._read(kind, change.stored))
        except CompactedError as error:
            self._send_event("ERROR", _status(HTTPStatus.GONE, "Expired", str(error)))
        self.wfile.write(b"0\r\n\r\n")

    def _send_event(self, kind: str, value: dict[str, Any]) -> None:
        body = json.dumps({"type": kind, "object": value}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        self.wfile.flush()

    def _send(self, value: dict[str, Any], status: int = 200) -> None:
        self._send_bytes(json.dumps(value).encode() + b"\n", "application/json", status)

    def _send_bytes(self, body: bytes, content_type: str, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server calls it so
        sys.stderr.write(f"{self.log_date_time_string()} {format % args}\n")


def _place(path: str) -> tuple[Kind, str, str]:
    """(kind, namespace, name) of a path below /api/v1 or /apis/coordination.k8s.io/v1; "" for what it does not name."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces":
        namespace, parts = parts[1], parts[2:]
    kind = KINDS.get(parts[0]) if parts else None
    prefix = f"/apis/{kind.api_version}/" if kind and "/" in kind.api_version else "/api/v1/"
    if kind is None or len(parts) > 2 or not path.startswith(prefix):
        raise RefusedError(HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource")
    return kind, namespace, parts[1] if len(parts) == 2 else ""


def _found(stored: Stored | None, kind: Kind, name: str) -> Stored:
    if stored is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "NotFound", f'{kind.name} "{name}" not found')
    return stored


def _json(given: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(given))
    except (ValueError, TypeError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "BadRequest", f"the object is no JSON: {error}") from error


def _status(status: HTTPStatus, reason: str, message: str) -> dict[str, Any]:
    said = {"status": "Failure", "message": message, "reason": reason, "code": int(status)}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **said}
