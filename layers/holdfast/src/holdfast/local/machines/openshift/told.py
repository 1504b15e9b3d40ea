"""What a kubelet tells the API server: its node, its lease, and the pods that its manifests are.

Every second, through the first API server that answers: a real one goes through the load balancer of the cluster.
"""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CA = "/etc/kubernetes/kubelet-ca.crt"
CLIENT = Path("/var/lib/kubelet/pki/kubelet-client-current.pem")
API_PORT = 6443
PERIOD_S = 1.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class AwayError(Exception):
    """No API server answers."""


class Api:
    """Asked with one connection, kept while it works."""

    def __init__(self, servers: list[str], certificate: Path) -> None:
        self._servers, self._certificate = servers, certificate
        self._kept: http.client.HTTPSConnection | None = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """The status and the object. AwayError when nobody answers; a 5xx of one is a reason to ask the next."""
        for connection in ([self._kept] if self._kept else []) + [self._connection(each) for each in self._servers]:
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

    def _connection(self, server: str) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=CA)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # authorities of a test cluster name no key
        context.load_cert_chain(self._certificate)
        return http.client.HTTPSConnection(server, API_PORT, timeout=3, context=context)


class Told(threading.Thread):
    def __init__(self, node: str, address: str, servers: list[str], pods: Callable[[], list[dict[str, Any]]]) -> None:
        super().__init__(daemon=True)
        self.node, self.address, self.pods = node, address, pods
        self._servers = servers

    def run(self) -> None:
        api, began = Api(self._servers, CLIENT), 0.0
        while True:
            time.sleep(max(0.0, began + PERIOD_S - time.monotonic()))
            began = time.monotonic()
            try:
                if not CLIENT.exists():
                    continue
                self._tell(api)
            except (AwayError, OSError, ValueError):
                continue

    def _tell(self, api: Api) -> None:
        if api.ask("GET", f"/api/v1/nodes/{self.node}")[0] == http.HTTPStatus.NOT_FOUND:
            api.ask("POST", "/api/v1/nodes", self._node())
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        api.store(
            _LEASES,
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.node, "namespace": "kube-node-lease"},
                "spec": {"holderIdentity": self.node, "leaseDurationSeconds": 40, "renewTime": now},
            },
        )
        self._tell_pods(api)

    def _tell_pods(self, api: Api) -> None:
        """Only what differs, and pods of this node that it does not run any more go."""
        wanted = {(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in self.pods()}
        _, listed = api.ask("GET", "/api/v1/pods")
        known = {
            (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod
            for pod in listed.get("items", [])
            if pod.get("spec", {}).get("nodeName") == self.node
        }
        for (namespace, name), pod in wanted.items():
            seen = known.get((namespace, name))
            if seen is None or any(_of(seen, part) != _of(pod, part) for part in ("status", "uid")):
                api.store(f"/api/v1/namespaces/{namespace}/pods", pod, status=True)
        for namespace, name in known.keys() - wanted.keys():
            api.ask("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}")

    def _node(self) -> dict[str, Any]:
        labels = {f"node-role.kubernetes.io/{role}": "" for role in ("master", "control-plane")}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.node, "labels": {**labels, "kubernetes.io/hostname": self.node}},
            "spec": {},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": self.address},
                    {"type": "Hostname", "address": self.node},
                ],
                "nodeInfo": {"kubeletVersion": "v1.31.0"},
            },
        }


def _of(pod: dict[str, Any], part: str) -> Any:
    if part == "uid":
        return pod["metadata"].get("annotations", {}).get("kubernetes.io/config.mirror")
    return pod.get("status")
