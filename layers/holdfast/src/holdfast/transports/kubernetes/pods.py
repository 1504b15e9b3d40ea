"""What the API tells about the control plane: etcd's pods, and the nodes they belong on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.errors import InvalidInputError, PermanentError, TransientError
from holdfast.transports.kubernetes.client import KubernetesApi, Object
from holdfast.transports.kubernetes.exec import Container

# Where a distribution's etcd pods are: namespace and labels (kubeadm: cmd/kubeadm/app/phases/etcd; OpenShift:
# cluster-etcd-operator, bindata/etcd/pod.yaml).
PLACES = (("kube-system", "component=etcd,tier=control-plane"), ("openshift-etcd", "app=etcd"))
# kubeadm marks control-plane nodes by the first since 1.20, and by the second until 1.24.
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_ADVERTISED = "--advertise-client-urls"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)


@dataclass(frozen=True)
class EtcdPod:
    """`flags` is the command line of the container `etcd`; `urls` the client URLs that it advertises."""

    container: Container
    node: str
    ready: bool
    flags: tuple[str, ...]
    urls: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.container} on {self.node} ({', '.join(self.urls) or 'no URL'}{'' if self.ready else ', not ready'})"
        )


def etcd_pods(api: KubernetesApi, places: Sequence[tuple[str, str]] = PLACES) -> tuple[EtcdPod, ...]:
    """Of the first place that has any, by node. PermanentError `kubernetes_no_etcd_pods`: etcd runs outside of the
    cluster, or the provider hides it. A place that we may not look into counts as empty if another one has pods."""
    refusal: PermanentError | None = None
    for namespace, labels in places:
        try:
            found = api.pods(namespace, labels=labels)
        except PermanentError as error:
            if error.code != "kubernetes_forbidden":
                raise
            refusal = refusal or error
            continue
        pods = sorted((_etcd_pod(namespace, each) for each in found), key=lambda pod: pod.node)
        if pods:
            return tuple(pods)
    if refusal is not None:
        raise refusal
    raise PermanentError(
        "kubernetes_no_etcd_pods",
        f"{api.server}: no etcd pods in {' or '.join(namespace for namespace, _ in places)}",
        hint="etcd runs outside of the cluster, or the provider keeps it to itself: use another transport.",
    )


def etcd_pod_on(api: KubernetesApi, node: str) -> EtcdPod:
    """InvalidInputError `node_unknown` for a node without one; TransientError `etcd_pod_not_ready`."""
    pods = etcd_pods(api)
    for pod in pods:
        if pod.node == node:
            if not pod.ready:
                raise TransientError("etcd_pod_not_ready", f"the etcd pod {pod}", hint="See its log and its node.")
            return pod
    known = ", ".join(pod.node for pod in pods)
    raise InvalidInputError("node_unknown", f"no etcd pod runs on {node}", hint=f"They run on: {known}.")


def control_plane_nodes(api: KubernetesApi) -> tuple[str, ...]:
    """Names of the nodes with either label. Asked by label: a list of all nodes may have many megabytes."""
    return tuple(sorted({_name(node) for label in _CONTROL_PLANE for node in api.nodes(labels=label)}))


def is_ready(thing: Object) -> bool:
    """A pod's or node's condition Ready."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _name(thing: Object) -> str:
    return str(thing["metadata"]["name"])


def _etcd_pod(namespace: str, pod: Object) -> EtcdPod:
    containers = pod["spec"].get("containers") or [{}]
    own = next((each for each in containers if each.get("name") == "etcd"), containers[0])
    words = [*(own.get("command") or []), *(own.get("args") or [])]
    # A shell's text counts by its words too: OpenShift starts etcd from a script, whose variables are the container's.
    flags = tuple(_expanded(flag, own.get("env") or []) for word in words for flag in str(word).split())
    return EtcdPod(
        container=Container(namespace, _name(pod), str(own.get("name", ""))),
        node=str(pod["spec"].get("nodeName", "")),
        ready=is_ready(pod),
        flags=flags,
        urls=_advertised(flags),
    )


def _expanded(word: str, environment: Sequence[Object]) -> str:
    """As a shell makes it of a word; a variable that the container is not given stays as it is."""
    known = {str(each.get("name")): str(each.get("value", "")) for each in environment}

    def value(found: re.Match[str]) -> str:
        return known.get(found[1] or found[2] or "", found[0])

    return _VARIABLE.sub(value, word).replace('"', "") if "$" in word else word


def _advertised(flags: Sequence[str]) -> tuple[str, ...]:
    for number, flag in enumerate(flags):
        name, equals, value = flag.partition("=")
        if name == _ADVERTISED:
            text = value if equals else "".join(flags[number + 1 : number + 2])
            return tuple(url for url in text.split(",") if url and "$" not in url)
    return ()
