"""One request to the stand-in: who asks, what for, and the answer."""

import json
import ssl
import sys
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from holdfast.local.machines.apiserver.discovery import discovered
from holdfast.local.machines.apiserver.kinds import Kind, kind_at
from holdfast.local.machines.apiserver.objects import User
from holdfast.local.machines.apiserver.refusals import NoSuchPathError, RefusedError, bad, status_of
from holdfast.local.machines.apiserver.resources import Object, Resources
from holdfast.local.machines.apiserver.selecting import Selection
from holdfast.local.machines.apiserver.store import CompactedError, StoreAwayError
from holdfast.local.machines.apiserver.tables import table

_PUBLIC = ("/readyz", "/livez", "/healthz", "/version")
_MASTERS, _NODES = "system:masters", "system:nodes"
_FOR_NODES = ("nodes", "leases", "pods", "certificatesigningrequests")
# Who asks for a node that has no certificate yet, on OpenShift.
_BOOTSTRAPPER = "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper"
_MERGE = "application/merge-patch+json"
# For a watch that names no end.
_WATCH_S = 300.0


@dataclass(frozen=True)
class Place:
    """What a path names; "" for what it does not."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    resources: ClassVar[Resources]

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

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            if url.path in _PUBLIC:
                return self._send_public(url.path)
            user = self._user()
            found = discovered(url.path)
            if found is not None and user.groups:
                return self._send(found)
            place = _place(url.path)
            _admit(user, self.command, place)
            self._serve(place, query, given, user)
        except RefusedError as error:
            self._send(error.body(), error.status)
        except NoSuchPathError:
            self._send_bytes(b"404 page not found\n", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)
        except StoreAwayError as error:
            self._send(status_of(500, "InternalError", f"etcdserver: {error}"), 500)

    def _user(self) -> User:
        """By the certificate; who may do everything may ask as somebody else."""
        known: dict[str, Any] = (
            dict(self.request.getpeercert() or {}) if isinstance(self.request, ssl.SSLSocket) else {}
        )
        subject: list[tuple[str, str]] = [pair for part in known.get("subject", ()) for pair in part]
        name = next((value for field, value in subject if field == "commonName"), "system:anonymous")
        groups = [value for field, value in subject if field == "organizationName"]
        if "Impersonate-User" in self.headers:
            if _MASTERS not in groups:
                raise _forbidden(name, "impersonate", "users", "")
            groups = self.headers.get_all("Impersonate-Group") or []
            name = self.headers["Impersonate-User"]
        known_to = ["system:unauthenticated"] if name == "system:anonymous" else [*groups, "system:authenticated"]
        return User(name, tuple(known_to))

    def _send_public(self, path: str) -> None:
        if path == "/version":
            return self._send({"major": "1", "minor": "20", "gitVersion": "v1.20.2"})
        body, status = b"ok", 200
        if path == "/readyz":
            try:
                self.resources.check()
            except StoreAwayError as error:
                body, status = f"[+]ping ok\n[-]etcd failed: {error}\nreadyz check failed\n".encode(), 500
        return self._send_bytes(body, "text/plain; charset=utf-8", status)

    def _serve(self, place: Place, query: dict[str, str], given: bytes, user: User) -> None:
        kind, namespace, name = place.kind, place.namespace, place.name
        wanted = Selection(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        match self.command:
            case "GET" if not name and query.get("watch") in ("1", "true"):
                self._watch(place, wanted, query)
            case "GET" if name:
                self._show(kind, [self.resources.get(kind, namespace, name)], 0, query, alone=True)
            case "GET":
                self._show(kind, *self.resources.list(kind, namespace, wanted), query)
            case "POST" if not name:
                self._send(self.resources.create(kind, namespace, _json(given), user), 201)
            case "PUT" if name:
                self._send(self.resources.replace(kind, namespace, name, _json(given), place.subresource))
            case "PATCH" if name:
                self._patch(place, _json(given))
            case "DELETE" if name and not place.subresource:
                self._send(self.resources.delete(kind, namespace, name))
            case _:
                message = "the server does not allow this method on the requested resource"
                raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message)

    def _patch(self, place: Place, patch: Object) -> None:
        if self.headers.get("Content-Type", "") != _MERGE:
            message = "the body of the request was in an unknown format - accepted media types include: "
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message + _MERGE)
        self._send(self.resources.patch(place.kind, place.namespace, place.name, patch, place.subresource))

    def _show(
        self, kind: Kind, values: list[Object], revision: int, query: dict[str, str], *, alone: bool = False
    ) -> None:
        if "as=Table" in self.headers.get("Accept", ""):
            self._send(table(kind, values, revision, query.get("includeObject", "Metadata")))
        elif alone:
            self._send(values[0])
        else:
            listed = {"metadata": {"resourceVersion": str(revision)}, "items": values}
            self._send({"kind": f"{kind.name}List", "apiVersion": kind.api_version, **listed})

    def _watch(self, place: Place, wanted: Selection, query: dict[str, str]) -> None:
        since = int(query.get("resourceVersion") or 0)
        timeout_s = float(query.get("timeoutSeconds") or _WATCH_S)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for what, value in self.resources.watch(place.kind, place.namespace, wanted, since, timeout_s):
                self._send_event(what, value)
        except CompactedError as error:
            self._send_event("ERROR", status_of(HTTPStatus.GONE, "Expired", str(error)))
        except StoreAwayError as error:
            self._send_event("ERROR", status_of(500, "InternalError", f"etcdserver: {error}"))
        self.wfile.write(b"0\r\n\r\n")

    def _send_event(self, kind: str, value: Object) -> None:
        body = json.dumps({"type": kind, "object": value}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        self.wfile.flush()

    def _send(self, value: Object, status: int = 200) -> None:
        self._send_bytes(json.dumps(value).encode() + b"\n", "application/json", status)

    def _send_bytes(self, body: bytes, content_type: str, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server calls it so
        sys.stderr.write(f"{self.log_date_time_string()} {format % args}\n")


def _admit(user: User, method: str, place: Place) -> None:
    if _MASTERS in user.groups or (_NODES in user.groups and place.kind.plural in _FOR_NODES):
        return
    if user.name == _BOOTSTRAPPER and place.kind.plural == "certificatesigningrequests":
        return
    verb = {"GET": "get" if place.name else "list", "POST": "create", "PUT": "update"}.get(method, method.lower())
    raise _forbidden(user.name, verb, place.kind.plural, place.kind.group, place)


def _forbidden(user: str, verb: str, plural: str, group: str, place: Place | None = None) -> RefusedError:
    where = f'in the namespace "{place.namespace}"' if place and place.namespace else "at the cluster scope"
    called = (place.kind.resource if place else plural) + (f' "{place.name}"' if place and place.name else "")
    message = f'{called} is forbidden: User "{user}" cannot {verb} resource "{plural}" in API group "{group}" {where}'
    return RefusedError(HTTPStatus.FORBIDDEN, "Forbidden", message)


def _place(path: str) -> Place:
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, parts = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        raise NoSuchPathError
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces" and kind_at(group, version, parts[2]):
        namespace, parts = parts[1], parts[2:]
    kind = kind_at(group, version, parts[0])
    nameless = kind is None or (kind.namespaced and len(parts) > 1 and not namespace)
    if kind is None or nameless or len(parts) > 3 or kind.namespaced < bool(namespace):
        raise NoSuchPathError
    return Place(kind, namespace, *parts[1:])


def _json(given: bytes) -> Object:
    try:
        return dict(json.loads(given))
    except (ValueError, TypeError) as error:
        raise bad(f"the object provided is unrecognized: {error}") from error
