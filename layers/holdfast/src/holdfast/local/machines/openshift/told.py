"""What a kubelet tells the API server: its node, its lease, and the pods that its manifests are.

Twice a second, through the first API server that answers: a real one goes through the load balancer of the cluster.
"""

import http.client
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from holdfast.local.machines.openshift.asking import BOOTSTRAP, CLIENT, SERVING, certify
from holdfast.local.machines.openshift.kubelet_api import Api, AwayError

PERIOD_S = 0.5
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


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
                if CLIENT.exists():
                    self._tell(api)
                else:
                    certify(Api(self._servers, BOOTSTRAP), self.node, self.address, CLIENT)
            except (AwayError, OSError, ValueError):
                continue

    def _tell(self, api: Api) -> None:
        if not SERVING.exists():
            certify(api, self.node, self.address, SERVING)
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
