"""The privileged pod that stands for root on a node, and what its state means.

Privileged, with the host's processes, network and files: a step is started with chroot into /host and must find its
own process again in the host's /proc (node/step.sh), reach etcd on 127.0.0.1, and upload from the host's network. It
asks for no CPU or memory, so that a node in need ends it before anything else. It holds no secret and no token: steps
and their secrets come later, through exec's standard input.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Literal

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.transports.kubernetes.client import Object
from holdfast.transports.kubernetes.pods import is_ready

LABEL = "app.kubernetes.io/managed-by=holdfast"
_ENDS = "holdfast/ends"
_STEP = "holdfast/step"
_PENDING = timedelta(minutes=2)
# kubelet's reasons (pkg/kubelet/images/types.go, container/sync_result.go). ErrImagePull alone is tried again.
_NO_IMAGE = {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_NO_START = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "StartError",
    "ContainerCannotRun",
}

type State = Literal["ready", "waiting", "ended"]


def pod_name(node: str, key: str) -> str:
    """The same for the same step, so that a second start finds the first one's pod."""
    return f"holdfast-{hashlib.sha256(f'{node}/{key}'.encode()).hexdigest()[:20]}"


def node_pod(node: str, key: str, image: str, *, now: datetime, lifetime_s: int) -> Object:
    """For the step `key`. kubelet ends it after `lifetime_s` whatever becomes of us; annotations say when, for the
    sweep, and for which step, for a cancel."""
    label, _, value = LABEL.partition("=")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(node, key),
            "labels": {label: value},
            "annotations": {_ENDS: f"{now + timedelta(seconds=lifetime_s):%Y-%m-%dT%H:%M:%SZ}", _STEP: key},
        },
        "spec": {
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "restartPolicy": "Never",
            "activeDeadlineSeconds": lifetime_s,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "hostNetwork": True,
            "hostPID": True,
            "dnsPolicy": "Default",
            "containers": [
                {
                    "name": "node",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", str(lifetime_s)],
                    "securityContext": {"privileged": True, "runAsUser": 0},
                    "volumeMounts": [{"name": "host", "mountPath": "/host"}],
                }
            ],
            "volumes": [{"name": "host", "hostPath": {"path": "/", "type": "Directory"}}],
        },
    }


def is_of(pod: Object, node: str, key: str) -> bool:
    """Whether it is that step's, or with a key that ends with a dot, one of those steps'."""
    step = (pod["metadata"].get("annotations") or {}).get(_STEP, "")
    return pod["spec"].get("nodeName") == node and (step == key or (key.endswith(".") and step.startswith(key)))


def is_overdue(pod: Object, now: datetime) -> bool:
    """Whether its annotation names a moment that has passed: a leftover of a run that died."""
    ends = (pod["metadata"].get("annotations") or {}).get(_ENDS, "")
    return bool(ends) and _moment(ends) < now


def state_of(pod: Object, now: datetime) -> State:
    """`ended`: it ran and is over. TransientError `kubernetes_pod_evicted`, `kubernetes_pod_pending`; PermanentError
    `kubernetes_pod_image`, `kubernetes_pod_failed`."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    place = f"the pod {metadata['namespace']}/{metadata['name']} on {pod['spec'].get('nodeName')}"
    since = metadata.get("deletionTimestamp") or metadata["creationTimestamp"]
    phase = status.get("phase", "Pending")
    if phase in ("Succeeded", "Failed") and not metadata.get("deletionTimestamp"):
        return _ended(place, status)
    container = (status.get("containerStatuses") or [{}])[0].get("state") or {}
    _refuse_start(place, container.get("waiting") or {})
    if phase == "Running" and is_ready(pod) and not metadata.get("deletionTimestamp"):
        return "ready"
    if now - _moment(since) > _PENDING:
        raise TransientError(
            "kubernetes_pod_pending",
            f"{place} is neither running nor gone after {_PENDING.seconds} s ({phase})",
            hint="See its events: kubectl describe. kubelet on the node may be dead, or the image slow to come.",
        )
    return "waiting"


def _ended(place: str, status: Object) -> State:
    container = (status.get("containerStatuses") or [{}])[0].get("state") or {}
    terminated = container.get("terminated") or {}
    _refuse_start(place, terminated)
    if terminated or status.get("reason") == "DeadlineExceeded":
        return "ended"
    raise _evicted(place, str(status.get("reason", "no reason")), str(status.get("message", "")))


def _refuse_start(place: str, state: Object) -> None:
    reason, message = str(state.get("reason", "")), " ".join(str(state.get("message", "")).split())[:300]
    if reason in _NO_IMAGE:
        raise PermanentError(
            "kubernetes_pod_image",
            f"{place} gets no image: {reason}: {message}",
            hint="Set transport.image to one that the node has or can pull; any with sh, chroot and sleep will do.",
        )
    if reason in _NO_START:
        raise PermanentError(
            "kubernetes_pod_failed",
            f"{place} does not start: {reason}: {message}",
            hint="The image needs sh, chroot and sleep; see the pod's events.",
        )


def _evicted(place: str, reason: str, message: str) -> HoldfastError:
    return TransientError(
        "kubernetes_pod_evicted",
        f"{place} was ended by its node: {reason}: {message[:300]}",
        hint="The node is short of disk, memory or pods. It is tried again.",
    )


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
