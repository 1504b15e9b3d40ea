"""Static pods of the control plane as the operators write them, and the pods that the vendor's scripts restore with.

The operators' installer writes JSON in one line [inf]; what lies in a ConfigMap's folder is YAML. etcd's containers run
scripts of ours (scripts/pod-*.sh) with the decisions that are known of the real ones.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import yaml

from holdfast.local.machines.openshift.vendor import generation_of, minor, rendered
from holdfast.models.openshift import Generation

RESOURCES = "/etc/kubernetes/static-pod-resources"
POD_CERTS = "/etc/kubernetes/static-pod-certs"
ETCD_CERTS = f"{RESOURCES}/etcd-certs"
API_CERTS = f"{RESOURCES}/kube-apiserver-certs"
DATA = "/var/lib/etcd"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
API_PORT = 6443
# Of a real one 40 s; no test should have to wait as long for a host that is off.
NODE_GRACE_S = 5
_BESIDE = {
    "kube-apiserver": ("kube-apiserver-cert-syncer", "kube-apiserver-check-endpoints"),
    "kube-controller-manager": ("cluster-policy-controller",),
    "kube-scheduler": ("kube-scheduler-cert-syncer",),
}
_SLEEP = "exec sleep infinity"


@dataclass(frozen=True)
class Host:
    name: str
    address: str

    @property
    def variable(self) -> str:
        """As variables of etcd.env have it in their names."""
        return self.name.replace("-", "_").replace(".", "_")

    @property
    def client_url(self) -> str:
        return f"https://{self.address}:2379"

    @property
    def peer_url(self) -> str:
        return f"https://{self.address}:2380"


def image(version: str, component: str) -> str:
    """By digest, as a release names its images."""
    digest = hashlib.sha256(f"{component} {version}".encode()).hexdigest()
    return f"quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:{digest}"


def etcd_ca(version: str, base: str) -> str:
    bundle = "etcd-all-bundles/server-ca-bundle.crt" if minor(version) >= (4, 17) else "etcd-serving-ca/ca-bundle.crt"
    return f"{base}/configmaps/{bundle}"


def etcd_env(version: str, host: Host, hosts: tuple[Host, ...], base: str) -> dict[str, str]:
    """`base` is where the certificates lie for whoever reads this: a pod, or the host."""
    own = f"{base}/secrets/etcd-all-certs/etcd-peer-{host.name}"
    found = {
        "ALL_ETCD_ENDPOINTS": ",".join(each.client_url for each in hosts),
        "ETCDCTL_API": "3",
        "ETCDCTL_CACERT": etcd_ca(version, base),
        "ETCDCTL_CERT": f"{own}.crt",
        "ETCDCTL_KEY": f"{own}.key",
        "ETCDCTL_ENDPOINTS": ",".join(each.client_url for each in hosts),
        "ETCD_IMAGE": image(version, "etcd"),
    }
    for each in hosts:
        before = f"NODE_{each.variable}"
        found |= {f"{before}_ETCD_NAME": each.name, f"{before}_ETCD_URL_HOST": each.address}
        found[f"{before}_IP"] = each.address
    return found


def etcd_pod(version: str, revision: int, host: Host, hosts: tuple[Host, ...], reason: str = "") -> dict[str, Any]:
    """`reason` is what the last forced redeployment was for."""
    env = _member_env(version, host, hosts)
    generation = generation_of(version)
    scripts = {"etcdctl": _SLEEP, "etcd": _served("pod-member.sh", generation), "etcd-metrics": _SLEEP}
    if minor(version) >= (4, 11):
        scripts["etcd-readyz"] = _SLEEP
    if minor(version) >= (4, 18):
        scripts["etcd-rev"] = rendered("pod-revisions.sh", generation)
        scripts["etcd-backup-server"] = _SLEEP
    return _etcd(version, revision, scripts, env, {"holdfast.test/forced": reason})


def restore_pod(version: str, host: Host) -> dict[str, Any]:
    script = _served("pod-restore.sh", generation_of(version))
    return _etcd(version, 0, {"etcd": script}, _member_env(version, host, (host,)), {})


def quorum_restore_pod(version: str, host: Host) -> dict[str, Any]:
    script = _served("pod-quorum.sh", generation_of(version))
    return _etcd(version, 0, {"etcd": script}, _member_env(version, host, (host,)), {})


def _served(name: str, generation: Generation) -> str:
    return rendered("pod-serve.sh", generation) + rendered(name, generation)


def _member_env(version: str, host: Host, hosts: tuple[Host, ...]) -> dict[str, str]:
    others = [each.client_url for each in hosts if each != host]
    ours = {
        "NODE": host.name,
        "MEMBER": host.name,
        "PEER": host.peer_url,
        "CLIENT": host.client_url,
        "OTHERS": ",".join(others),
        "CERTS": f"{POD_CERTS}/secrets/etcd-all-certs/etcd",
        # Times of a test cluster on one machine; a real pod has no such settings.
        "ETCD_UNSAFE_NO_FSYNC": "true",
        "ETCD_HEARTBEAT_INTERVAL": "100",
        "ETCD_ELECTION_TIMEOUT": "600",
    }
    return etcd_env(version, host, hosts, POD_CERTS) | ours


def _etcd(
    version: str, revision: int, scripts: dict[str, str], env: dict[str, str], notes: dict[str, str]
) -> dict[str, Any]:
    mounts = {"resource-dir": f"{RESOURCES}/etcd-pod-{revision}", "cert-dir": ETCD_CERTS, "data-dir": DATA}
    if not revision:
        mounts = {"cert-dir": ETCD_CERTS, "data-dir": DATA, "backup-dir": "/var/lib/etcd-backup"}
    inside = mounts | {"resource-dir": RESOURCES, "cert-dir": POD_CERTS}
    containers = [
        {
            "name": name,
            "image": image(version, "etcd"),
            "command": ["/bin/sh", "-c", script],
            "env": [{"name": key, "value": value} for key, value in env.items()],
            "volumeMounts": [{"name": volume, "mountPath": inside[volume]} for volume in mounts],
        }
        for name, script in scripts.items()
    ]
    labels = {"app": "etcd", "k8s-app": "etcd", "etcd": "true"} | ({"revision": str(revision)} if revision else {})
    return _pod("etcd", labels, containers, mounts, notes)


def apiserver_pod(
    version: str, revision: int, host: Host, hosts: tuple[Host, ...], *, encryption: bool, reason: str = ""
) -> dict[str, Any]:
    """Our API server is given flags; a real one gets most of them from a file of its resources."""
    own, shared = RESOURCES, POD_CERTS
    others = [each.client_url for each in hosts if each != host]
    flags = {
        "advertise-address": host.address,
        "client-ca-file": f"{shared}/configmaps/client-ca/ca-bundle.crt",
        "etcd-cafile": f"{own}/configmaps/etcd-serving-ca/ca-bundle.crt",
        "etcd-certfile": f"{own}/secrets/etcd-client/tls.crt",
        "etcd-keyfile": f"{own}/secrets/etcd-client/tls.key",
        "etcd-prefix": "kubernetes.io",
        "etcd-servers": ",".join([host.client_url, *others]),
        "node-monitor-grace-period": f"{NODE_GRACE_S}s",
        "secure-port": str(API_PORT),
        "tls-cert-file": f"{shared}/secrets/serving/tls.crt",
        "tls-private-key-file": f"{shared}/secrets/serving/tls.key",
    }
    if encryption:
        flags["encryption-provider-config"] = f"{own}/secrets/encryption-config/encryption-config"
    command = ["kube-apiserver", *(f"--{name}={value}" for name, value in flags.items())]
    return _component("kube-apiserver", version, revision, command, API_CERTS, reason)


def controller_pod(component: str, version: str, revision: int, reason: str = "") -> dict[str, Any]:
    command = ["/bin/sh", "-c", f"exec sleep infinity # {component}"]
    return _component(component, version, revision, command, f"{RESOURCES}/{component}-certs", reason)


def _component(
    component: str, version: str, revision: int, command: list[str], certs: str, reason: str
) -> dict[str, Any]:
    mounts = {"resource-dir": f"{RESOURCES}/{component}-pod-{revision}", "cert-dir": certs}
    inside = [{"name": "resource-dir", "mountPath": RESOURCES}, {"name": "cert-dir", "mountPath": POD_CERTS}]
    containers = [
        {"name": name, "image": image(version, component), "command": run, "volumeMounts": inside}
        for name, run in [(component, command)] + [(beside, ["/bin/sh", "-c", _SLEEP]) for beside in _BESIDE[component]]
    ]
    labels = {"app": f"openshift-{component}", "revision": str(revision), component.replace("kube-", ""): "true"}
    return _pod(component, labels, containers, mounts, {"holdfast.test/forced": reason})


def _pod(
    name: str, labels: dict[str, str], containers: list[dict[str, Any]], mounts: dict[str, str], notes: dict[str, str]
) -> dict[str, Any]:
    volumes = [{"name": volume, "hostPath": {"path": path}} for volume, path in mounts.items()]
    namespace = f"openshift-{name}"
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels}
    metadata |= {"annotations": noted} if (noted := {key: value for key, value in notes.items() if value}) else {}
    spec = {"hostNetwork": True, "priorityClassName": "system-node-critical"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**spec, "containers": containers, "volumes": volumes},
    }


def as_json(pod: dict[str, Any]) -> str:
    return json.dumps(pod, separators=(",", ":")) + "\n"


def as_yaml(pod: dict[str, Any]) -> str:
    return str(yaml.safe_dump(pod, width=1000, sort_keys=False))
