"""The API over HTTP, for `oc` and for whoever plays a controller."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urlencode

from holdfast.local.machines.apiserver.kinds import Kind
from holdfast.local.machines.oc.failures import AwayError, RefusedError
from holdfast.local.machines.oc.kubeconfig import Access, access_of

type Object = dict[str, Any]

MERGE = "application/merge-patch+json"
_JSON = "application/json"
_PAGE = 500


class Api:
    """One connection for each request. `timeout_s` is the time that a request may take, None without an end."""

    def __init__(
        self, access: Access, timeout_s: float | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self._access, self._timeout_s, self._headers = access, timeout_s, headers

    @classmethod
    def of(cls, kubeconfig: str, timeout_s: float | None = None) -> Self:
        return cls(access_of(kubeconfig), timeout_s)

    def acting_as(self, user: str, *groups: str) -> "Api":
        """Asks as somebody else from now on, which only who may do everything may."""
        headers = [("Impersonate-User", user), *(("Impersonate-Group", each) for each in groups)]
        return Api(self._access, self._timeout_s, tuple(headers))

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        return self._object("GET", kind.path(namespace, name))

    def items(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> list[Object]:
        """Each with the kind that lists leave out."""
        found: list[Object] = []
        for page in self._pages(kind.path(namespace), labels, fields, _JSON):
            found += [{"apiVersion": kind.api_version, "kind": kind.name, **each} for each in page.get("items") or []]
        return found

    def table(self, kind: Kind, namespace: str, name: str = "", *, labels: str = "", fields: str = "") -> list[Object]:
        """Tables, one for each page."""
        accept = f"{_JSON};as=Table;v=v1;g=meta.k8s.io,{_JSON}"
        if name:
            return [self._object("GET", kind.path(namespace, name), accept=accept)]
        return list(self._pages(kind.path(namespace), labels, fields, accept))

    def create(self, kind: Kind, namespace: str, value: Object) -> Object:
        return self._object("POST", kind.path(namespace), value)

    def replace(self, kind: Kind, namespace: str, value: Object, subresource: str = "") -> Object:
        return self._object("PUT", kind.path(namespace, value["metadata"]["name"], subresource), value)

    def patch(self, kind: Kind, namespace: str, name: str, patch: Object, subresource: str = "") -> Object:
        return self._object("PATCH", kind.path(namespace, name, subresource), patch, MERGE)

    def delete(self, kind: Kind, namespace: str, name: str) -> Object:
        return self._object("DELETE", kind.path(namespace, name), {"propagationPolicy": "Background"})

    def raw(self, path: str) -> str:
        return self._bytes("GET", path, b"", {}).decode()

    def watch(self, kind: Kind, namespace: str = "", *, since: str = "", timeout_s: int = 60) -> Iterator[Object]:
        """Events {"type", "object"}, until the server ends it."""
        query = {"watch": "1", "timeoutSeconds": timeout_s, **({"resourceVersion": since} if since else {})}
        connection = self._connection(timeout_s + 10)
        try:
            answer = self._asked(connection, "GET", f"{kind.path(namespace)}?{urlencode(query)}", b"", {})
            while line := answer.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _pages(self, path: str, labels: str, fields: str, accept: str) -> Iterator[Object]:
        query = {"limit": str(_PAGE)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            page = self._object("GET", f"{path}?{urlencode(query)}", accept=accept)
            yield page
            following = page.get("metadata", {}).get("continue")
            if not following:
                return
            query["continue"] = following

    def _object(
        self, method: str, path: str, value: Object | None = None, content_type: str = _JSON, accept: str = _JSON
    ) -> Object:
        body = b"" if value is None else json.dumps(value).encode()
        headers = {"Accept": accept, **({"Content-Type": content_type} if body else {})}
        return dict(json.loads(self._bytes(method, path, body, headers)))

    def _bytes(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        connection = self._connection(self._timeout_s)
        try:
            return self._asked(connection, method, path, body, headers).read()
        finally:
            connection.close()

    def _asked(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        where = f"{self._access.host}:{self._access.port}"
        if self._access.token:
            headers = {**headers, "Authorization": f"Bearer {self._access.token}"}
        try:
            self._send(connection, method, path, body, headers)
            answer = connection.getresponse()
            failed = answer.read() if answer.status >= http.HTTPStatus.BAD_REQUEST else None
        except ConnectionRefusedError as error:
            message = f"The connection to the server {where} was refused - did you specify the right host or port?"
            raise AwayError(message) from error
        except (OSError, http.client.HTTPException) as error:
            raise AwayError(f"Unable to connect to the server: {_why(error, where)}") from error
        if failed is not None:
            raise _refused(answer.status, failed)
        return answer

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> None:
        """Headers one by one, as a group each is a header of the same name."""
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (*headers.items(), *self._headers, ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body or None)

    def _connection(self, timeout_s: float | None) -> http.client.HTTPSConnection:
        access = self._access
        return http.client.HTTPSConnection(access.host, access.port, timeout=timeout_s, context=access.context)


def _why(error: Exception, where: str) -> str:
    match error:
        case TimeoutError():
            return "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
        case ssl.SSLCertVerificationError():
            return f"x509: {error.verify_message}"
        case ConnectionResetError() if not isinstance(error, http.client.RemoteDisconnected):
            return f"read tcp {where}: read: connection reset by peer"
        case http.client.RemoteDisconnected() | ssl.SSLEOFError() | http.client.IncompleteRead():
            return "EOF"
        case socket.gaierror():
            return f"dial tcp: lookup {where.rpartition(':')[0]}: no such host"
        case _:
            return str(error)


def _refused(status: int, body: bytes) -> RefusedError:
    try:
        said = dict(json.loads(body))
        return RefusedError(status, said.get("reason", ""), str(said["message"]))
    except (ValueError, KeyError, TypeError):
        if status == http.HTTPStatus.NOT_FOUND:
            return RefusedError(status, "NotFound", "the server could not find the requested resource")
        text = body.decode(errors="replace").strip()
        message = f"an error on the server ({json.dumps(text)}) has prevented the request from succeeding"
        return RefusedError(status, "InternalError", message)
