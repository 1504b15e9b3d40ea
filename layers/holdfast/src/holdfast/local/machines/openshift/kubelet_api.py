"""An API server as a kubelet asks it: with a certificate in a file, through the first one that answers."""

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CA = "/etc/kubernetes/kubelet-ca.crt"
API_PORT = 6443


class AwayError(Exception):
    """No API server answers."""


class Api:
    """Asked with one connection, kept while it works."""

    def __init__(self, servers: list[str], certificate: Path) -> None:
        self._servers, self._certificate = servers, certificate
        self._kept: http.client.HTTPSConnection | None = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """The status and the object. AwayError when nobody answers; a 5xx of one is a reason to ask the next."""
        for connection in self._connections():
            try:
                text = json.dumps(body) if body is not None else None
                connection.request(method, path, text, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                read = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                continue
            if answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
                connection.close()
                continue
            self._kept = connection
            return answer.status, json.loads(read) if read.startswith(b"{") else {}
        self._kept = None
        raise AwayError

    def store(self, collection: str, value: dict[str, Any], *, status: bool = False) -> None:
        """Replaced whatever is there, or made; with `status`, by the subresource too."""
        path = f"{collection}/{value['metadata']['name']}"
        found, _ = self.ask("PUT", path, value)
        if found == http.HTTPStatus.NOT_FOUND:
            self.ask("POST", collection, value)
        if status:
            self.ask("PUT", f"{path}/status", value)

    def _connections(self) -> Iterator[http.client.HTTPSConnection]:
        if self._kept:
            yield self._kept
        for server in self._servers:
            context = ssl.create_default_context(cafile=CA)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # authorities of a test cluster name no key
            context.load_cert_chain(self._certificate)
            yield http.client.HTTPSConnection(server, API_PORT, timeout=3, context=context)
