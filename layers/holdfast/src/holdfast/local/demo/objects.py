"""ConfigMaps of the demo's cluster, through the API server of one of its nodes, as the cluster's administrator."""

import http.client
import json
import ssl
from typing import Any

from holdfast.errors import PermanentError
from holdfast.local.machines.kubeadm import KubeadmMachine
from holdfast.local.machines.kubeadm_files import API_PORT, PKI

TIMEOUT_S = 10.0
_CLIENT = f"{PKI}/apiserver-kubelet-client"


class ConfigMaps:
    """PermanentError `demo_api_failed` for what the API server refuses, or when it does not answer."""

    def __init__(self, node: KubeadmMachine) -> None:
        self._node = node
        self._tls = ssl.create_default_context(cafile=node.path(f"{PKI}/ca.crt"))
        self._tls.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the machines' authorities name no key
        self._tls.load_cert_chain(node.path(f"{_CLIENT}.crt"), node.path(f"{_CLIENT}.key"))

    def read(self, namespace: str, name: str) -> dict[str, str] | None:
        """What it holds; None when there is none of that name."""
        status, answer = self._ask("GET", f"{_path(namespace)}/{name}")
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        return dict(self._well(status, answer).get("data", {}))

    def create(self, namespace: str, name: str, data: dict[str, str]) -> None:
        self._well(*self._ask("POST", _path(namespace), {"metadata": {"name": name}, "data": data}))

    def delete(self, namespace: str, name: str) -> None:
        self._well(*self._ask("DELETE", f"{_path(namespace)}/{name}"))

    def ready(self) -> bool:
        """Whether the API server says that it is: it reads etcd for that."""
        try:
            return self._ask("GET", "/readyz")[0] == http.HTTPStatus.OK
        except PermanentError:
            return False

    def _well(self, status: int, answer: bytes) -> dict[str, Any]:
        if status not in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
            told = answer.decode(errors="replace").strip()[:300]
            raise PermanentError("demo_api_failed", f"the API server of {self._node.name} answers {status}: {told}")
        return dict(json.loads(answer))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(self._node.address, API_PORT, timeout=TIMEOUT_S, context=self._tls)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise PermanentError("demo_api_failed", f"the API server of {self._node.name}: {error}") from error
        finally:
            connection.close()


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"
