"""etcd's own API through port-forwards to its pods: no etcdctl, no shell, nothing on the node."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from holdfast.errors import PermanentError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.models.cluster import KubernetesTransport
from holdfast.models.credentials import EtcdTls, KubernetesAccess
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.pods import EtcdPod, etcd_pods
from holdfast.transports.kubernetes.port_forward import port_forward

_PORT = 2379


def kubernetes_etcd(
    transport: KubernetesTransport,
    access: KubernetesAccess,
    tls: EtcdTls,
    *,
    deadlines: EtcdDeadlines | None = None,
) -> GrpcEtcdCluster:
    """Endpoints are the client URLs that the pods advertise now; where one is, is looked up again for every call.

    Pods without such a URL are left out; a cluster in which none has one is PermanentError `kubernetes_no_etcd_pods`.
    """
    with KubernetesApi(access) as api:
        pods = etcd_pods(api)
    endpoints = tuple(url for pod in pods for url in pod.urls[:1])
    if not endpoints:
        raise PermanentError(
            "kubernetes_no_etcd_pods",
            f"none of the etcd pods names its client URL: {_places(pods)}",
            hint="Holdfast reads --advertise-client-urls of their command lines.",
        )

    @contextmanager
    def dial(endpoint: str) -> Iterator[tuple[str, int]]:
        with KubernetesApi(access) as api:
            pod = _pod_of(endpoint, etcd_pods(api))
            port = urlsplit(endpoint).port or _PORT
            with port_forward(api, pod.container.namespace, pod.container.pod, port) as listener:
                yield listener

    return GrpcEtcdCluster(endpoints, tls, server_name=transport.server_name, dial=dial, deadlines=deadlines)


def _pod_of(endpoint: str, pods: tuple[EtcdPod, ...]) -> EtcdPod:
    for pod in pods:
        if endpoint in pod.urls:
            return pod
    raise PermanentError(
        "etcd_pod_moved",
        f"no etcd pod advertises {endpoint} any more; there are: {_places(pods)}",
        hint="Start a new run: it chooses among the members that are there now.",
    )


def _places(pods: tuple[EtcdPod, ...]) -> str:
    return "; ".join(map(str, pods))
