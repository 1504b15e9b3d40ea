"""What the double of an API server (kubernetes_api.py) knows: pods, nodes, rights, and what becomes of them."""

import json
import os
import signal
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.pki import CertificateAuthority, issue_ca
from holdfast.models.credentials import KubernetesAccess

type Object = dict[str, Any]
type Right = tuple[str, str]

TOKEN = "sha256~what-openshift-calls-a-token"
_MARK = "HOLDFAST_TEST_POD"


@dataclass
class Refusal(Exception):  # noqa: N818 # a Status object, as the server calls it
    code: int
    reason: str
    message: str


@dataclass
class KubernetesApiServer:
    """`rights` None allows everything; else pairs (verb, resource) that the token's user has. `enter` leads into a
    node: what goes before an argv (builders/node.py)."""

    enter: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rights: set[Right] | None = None
    refuse_pods: str = ""
    waiting: dict[str, str] = field(default_factory=dict)  # image -> reason why its pods do not start
    not_ready: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    authority: CertificateAuthority = field(default_factory=issue_ca)
    url: str = ""
    _pods: dict[str, Object] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def access(self) -> KubernetesAccess:
        return KubernetesAccess.model_validate({"server": self.url, "ca": self.authority.certificate, "token": TOKEN})

    def pod_names(self) -> list[str]:
        """Pods that somebody made, those on their way out included."""
        with self._lock:
            return [name for name, pod in self._pods.items() if "component" not in pod["metadata"]["labels"]]

    def add_etcd_pod(self, node: str, url: str) -> str:
        """A mirror pod as kubeadm's; a second call for the same node replaces it."""
        name = f"etcd-{node}"
        flags = ["etcd", f"--advertise-client-urls={url}", "--data-dir=/var/lib/etcd"]
        pod = {
            "metadata": {"name": name, "labels": {"component": "etcd", "tier": "control-plane"}},
            "spec": {"nodeName": node, "hostNetwork": True, "containers": [{"name": "etcd", "command": flags}]},
        }
        self._add(pod, looks=2)
        return name

    def remove_pod(self, name: str) -> None:
        with self._lock:
            self._kill(self._pods.pop(name))

    def end_pod(self, name: str, *, reason: str = "", exit_code: int = 137) -> None:
        """As kubelet does it: with a reason (Evicted, DeadlineExceeded) the pod is Failed, without one its container
        ended by itself."""
        with self._lock:
            pod = self._pods[name]
            self._kill(pod)
            pod["status"] = {"phase": "Failed", **({"reason": reason, "message": "as told"} if reason else {})}
            if not reason:
                state = {"terminated": {"exitCode": exit_code, "reason": "Error"}}
                pod["status"]["containerStatuses"] = [{"name": "node", "state": state}]

    def listed(self, labels: str) -> list[Object]:
        wanted = dict(each.split("=") for each in labels.split(",") if each)
        with self._lock:
            found = [pod for pod in self._pods.values() if wanted.items() <= pod["metadata"]["labels"].items()]
            for pod in found:
                if "deletionTimestamp" in pod["metadata"]:
                    del self._pods[pod["metadata"]["name"]]
            return [json.loads(json.dumps(pod)) for pod in found]

    def look(self, name: str) -> Object:
        """One pod as it is; time passes for it."""
        with self._lock:
            pod = self._pod(name)
            seen: Object = json.loads(json.dumps(pod))
            if "deletionTimestamp" in pod["metadata"]:
                del self._pods[name]
            elif pod["status"]["phase"] == "Pending":
                image = pod["spec"]["containers"][0].get("image", "")
                if image in self.waiting:
                    state = {"waiting": {"reason": self.waiting[image], "message": f'image "{image}"'}}
                    pod["status"]["containerStatuses"] = [{"name": "node", "state": state}]
                else:
                    pod["status"] = _running()
            return seen

    def create(self, pod: Object) -> Object:
        name = pod["metadata"]["name"]
        with self._lock:
            if self.refuse_pods:
                raise Refusal(403, "Forbidden", f'pods "{name}" is forbidden: {self.refuse_pods}')
            if name in self._pods:
                raise Refusal(409, "AlreadyExists", f'pods "{name}" already exists')
            return self._add(pod, looks=0)

    def delete(self, name: str, uid: str) -> Object:
        with self._lock:
            pod = self._pod(name)
            if uid and uid != pod["metadata"]["uid"]:
                raise Refusal(409, "Conflict", f"Precondition failed: UID in precondition: {uid}")
            self._kill(pod)
            pod["metadata"]["deletionTimestamp"] = _now()
            return pod

    def node(self, name: str) -> Object:
        if name not in self.enter:
            raise Refusal(404, "NotFound", f'nodes "{name}" not found')
        status = "Unknown" if name in self.not_ready else "True"
        labels = {"node-role.kubernetes.io/master": ""}
        # `names` is null as on real nodes with a dangling image: the client's own models refuse that.
        images = [{"names": None, "sizeBytes": 1}]
        conditions = [{"type": "Ready", "status": status}]
        return {"metadata": {"name": name, "labels": labels}, "status": {"conditions": conditions, "images": images}}

    def allow(self, verb: str, resource: str, name: str = "") -> None:
        if self.rights is None or (verb, resource) in self.rights:
            return
        place = "at the cluster scope" if resource == "nodes" else 'in the namespace "kube-system"'
        what = f'{resource.split("/")[0]} "{name}"' if name else resource
        words = (
            f'User "system:serviceaccount:default:backup" cannot {verb} resource "{resource}" in API group "" {place}'
        )
        raise Refusal(403, "Forbidden", f"{what} is forbidden: {words}")

    def command(self, name: str, argv: list[str]) -> tuple[list[str], str]:
        """What is run for an exec, and its PATH. Refused as kubelet refuses it when the pod is not running."""
        with self._lock:
            pod = self._pod(name)
            if pod["status"]["phase"] != "Running" or "deletionTimestamp" in pod["metadata"]:
                raise Refusal(500, "InternalError", f'unable to upgrade connection: container not found ("{name}")')
        if argv[:2] == ["chroot", "/host"]:
            mark = f"{_MARK}={pod['metadata']['uid']}"
            return [*self.enter[pod["spec"]["nodeName"]], "env", "-C", "/", mark, *argv[2:]], os.environ["PATH"]
        return argv, str(etcd_binary("etcd").parent)

    def _pod(self, name: str) -> Object:
        if name not in self._pods:
            raise Refusal(404, "NotFound", f'pods "{name}" not found')
        return self._pods[name]

    def _add(self, pod: Object, *, looks: int) -> Object:
        pod["metadata"] |= {"namespace": "kube-system", "uid": str(uuid.uuid4()), "creationTimestamp": _now()}
        pod["status"] = _running() if looks else {"phase": "Pending"}
        with self._lock:
            self._pods[pod["metadata"]["name"]] = pod
        return pod

    def _kill(self, pod: Object) -> None:
        """All processes that were started in it, as the end of a container's cgroup does."""
        mark = f"{_MARK}={pod['metadata']['uid']}\0".encode()
        for each in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (each / "environ").read_bytes():
                    os.kill(int(each.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue


def _running() -> Object:
    state = {"running": {"startedAt": _now()}}
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "node", "ready": True, "state": state}],
    }


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
