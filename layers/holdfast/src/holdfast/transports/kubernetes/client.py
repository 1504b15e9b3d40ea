"""One cluster's API: the few requests that Holdfast makes, as plain JSON.

Answers are not made into the client's models: those refuse what a newer server or an odd node says in a field that
nobody here reads. Nothing is retried here; a second POST could create twice, and Step Functions has the retries.
"""

import json
import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import urllib3
import websocket as websockets
from kubernetes.client import ApiClient, ApiException, Configuration

from holdfast.errors import PermanentError
from holdfast.models.credentials import KubernetesAccess
from holdfast.transports.kubernetes import websocket
from holdfast.transports.kubernetes.failures import answered, not_connected
from holdfast.transports.kubernetes.tls import tls_context

# Seconds: to connect, and for an answer.
TIMEOUTS_S = (10.0, 20.0)

type Object = dict[str, Any]


class KubernetesApi:
    """Errors: `kubernetes_unauthorized`, `kubernetes_forbidden`, `kubernetes_not_found`, `kubernetes_refused`,
    `kubernetes_untrusted`, `kubernetes_pod_refused` (permanent), `kubernetes_unreachable` (transient)."""

    def __init__(self, access: KubernetesAccess) -> None:
        self._server = access.server
        self._server_name = access.server_name
        self._tls = tls_context(access)
        self._headers = {"Accept": "application/json", "User-Agent": "holdfast"}
        if access.token is not None:
            self._headers["Authorization"] = f"Bearer {access.token.get_secret_value()}"
        self._client = ApiClient(Configuration(host=access.server))
        self._client.rest_client.pool_manager = _pool(access, self._tls)

    @property
    def server(self) -> str:
        """Host and port, as errors name it."""
        return urlsplit(self._server).netloc

    def pods(self, namespace: str, *, labels: str = "") -> list[Object]:
        path = f"{_pods(namespace)}?{urlencode({'labelSelector': labels})}"
        return list(self._ask(f"list the pods of {namespace}", "GET", path).get("items") or [])

    def pod(self, namespace: str, name: str) -> Object | None:
        """None when there is none of that name."""
        return self._ask_or_none(
            f"read the pod {namespace}/{name}", "GET", f"{_pods(namespace)}/{name}", none_at=(404,)
        )

    def create_pod(self, namespace: str, body: Object) -> Object | None:
        """None when there is one of that name already."""
        doing = f"create the pod {namespace}/{body['metadata']['name']}"
        return self._ask_or_none(doing, "POST", _pods(namespace), body, none_at=(409,))

    def delete_pod(self, namespace: str, name: str, *, uid: str = "") -> None:
        """With its own grace period: it is gone when its node says so. No error when there is none of that name, or
        (with `uid`) when it is another one now."""
        options: Object = {"preconditions": {"uid": uid}} if uid else {}
        doing, path = f"delete the pod {namespace}/{name}", f"{_pods(namespace)}/{name}"
        self._ask_or_none(doing, "DELETE", path, options, none_at=(404, 409))

    def nodes(self, *, labels: str) -> list[Object]:
        path = f"/api/v1/nodes?{urlencode({'labelSelector': labels})}"
        return list(self._ask("list the nodes", "GET", path).get("items") or [])

    def node(self, name: str) -> Object | None:
        """None when there is none of that name."""
        return self._ask_or_none(f"read the node {name}", "GET", f"/api/v1/nodes/{name}", none_at=(404,))

    def connect(
        self, namespace: str, pod: str, subresource: str, query: Sequence[tuple[str, str]]
    ) -> websockets.WebSocket:
        """A websocket to `exec` or `portforward` of a pod. The query is in the API server's audit log."""
        path = f"{urlsplit(self._server).path}{_pods(namespace)}/{pod}/{subresource}?{urlencode(query)}"
        # Without Accept: the server answers 406 to an upgrade that asks for JSON (seen: 1.20).
        headers = [f"{name}: {value}" for name, value in self._headers.items() if name != "Accept"]
        doing = f"open {subresource} of the pod {namespace}/{pod}"
        return websocket.connect(self._server, self._tls, self._server_name, path, headers, doing)

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]  # the client leaves it so

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, doing: str, method: str, path: str) -> Object:
        answer = self._ask_or_none(doing, method, path)
        if answer is None:
            raise ValueError("only `none_at` gives None")
        return answer

    def _ask_or_none(
        self, doing: str, method: str, path: str, body: Object | None = None, *, none_at: tuple[int, ...] = ()
    ) -> Object | None:
        headers = dict(self._headers) | ({"Content-Type": "application/json"} if body is not None else {})
        try:
            response = self._client.call_api(
                method, self._server + path, header_params=headers, body=body, _request_timeout=TIMEOUTS_S
            )
            status, answer = int(response.status), bytes(response.read())  # type: ignore[no-untyped-call]  # the same
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise not_connected(self.server, error) from None
        if status in none_at:
            return None
        if not 200 <= status < 300:
            raise answered(doing, status, answer)
        value = _json(answer)
        if value is None:
            raise PermanentError(
                "kubernetes_refused",
                f"could not {doing}: {self.server} answers with something that is no JSON object",
                hint="The address may be that of a proxy or a sign-in page, not of an API server.",
            )
        return value


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _json(body: bytes) -> Object | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return dict(value) if isinstance(value, Mapping) else None


def _pool(access: KubernetesAccess, context: ssl.SSLContext) -> urllib3.PoolManager:
    """In place of the client's own: TLS from memory, no proxy of the environment, no retry of what was sent."""
    retries = urllib3.Retry(total=None, connect=1, read=0, redirect=0, status=0, other=0, raise_on_redirect=False)
    return urllib3.PoolManager(
        ssl_context=context,
        retries=retries,
        maxsize=4,
        server_hostname=access.server_name or urlsplit(access.server).hostname,
    )
