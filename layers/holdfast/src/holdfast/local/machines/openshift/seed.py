"""What the API of a cluster knows when it begins: written straight into etcd, as it was made days ago."""

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.local.machines.apiserver.kinds import Kind, kind_called
from holdfast.local.machines.openshift.pods import COMPONENTS, Host
from holdfast.local.machines.openshift.vendor import minor
from holdfast.local.pki import KeyPair

PREFIX = "/kubernetes.io"
# Of every component, when a cluster begins; a fresh installation has had some already.
FIRST_REVISION = 3
OPERATORS = (*COMPONENTS, "openshift-apiserver", "authentication", "machine-api", "machine-config", "network")
CUSTOM = {
    "etcd": "etcds.operator.openshift.io",
    "kube-apiserver": "kubeapiservers.operator.openshift.io",
    "kube-controller-manager": "kubecontrollermanagers.operator.openshift.io",
    "kube-scheduler": "kubeschedulers.operator.openshift.io",
}
MACHINES = "openshift-machine-api"
HOOK = {"name": "EtcdQuorumOperator", "owner": "clusteroperator/etcd"}
FINALIZER = "machine.machine.openshift.io"
_NAMESPACES = ("default", "kube-system", "kube-node-lease", "openshift-config", "openshift-etcd-operator", MACHINES)

type Object = dict[str, Any]


def named(word: str) -> Kind:
    """A kind by the word that oc takes. KeyError when there is none."""
    kind = kind_called(word)
    if kind is None:
        raise KeyError(word)
    return kind


def seeded(
    version: str,
    hosts: tuple[Host, ...],
    secrets: dict[str, KeyPair],
    *,
    platform: str,
    age: timedelta,
    encrypted: bool,
) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values. `age` is how long ago the cluster was installed."""
    created = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    for word, namespace, value in _objects(version, hosts, platform, created, encrypted):
        yield _pair(named(word), namespace, value, created)
    for name, pair in secrets.items():
        yield _pair(named("secret"), "openshift-etcd", secret(name, pair), created)


def _pair(kind: Kind, namespace: str, value: Object, created: str) -> tuple[bytes, bytes]:
    own = {"uid": str(uuid.uuid4()), "creationTimestamp": created}
    metadata = {**own, **value["metadata"]} | ({"namespace": namespace} if namespace else {})
    if kind.custom:
        metadata.setdefault("generation", 1)
    whole = {"apiVersion": kind.api_version, "kind": kind.name, **value, "metadata": metadata}
    key = kind.key(PREFIX, namespace, metadata["name"])
    return key.encode(), json.dumps(whole, separators=(",", ":")).encode()


def secret(name: str, pair: KeyPair) -> Object:
    data = {"tls.crt": pair.certificate, "tls.key": pair.key}
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"metadata": {"name": name}, "type": "SecretTypeTLS", "data": encoded}


def condition(kind: str, status: str, reason: str = "", message: str = "", since: str = "") -> Object:
    said = {"type": kind, "status": status, "reason": reason or "AsExpected", "message": message}
    return {**said, "lastTransitionTime": since or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _objects(
    version: str, hosts: tuple[Host, ...], platform: str, created: str, encrypted: bool
) -> Iterator[tuple[str, str, Object]]:
    for name in (*_NAMESPACES, *(f"openshift-{component}" for component in COMPONENTS)):
        yield "namespace", "", {"metadata": {"name": name}, "status": {"phase": "Active"}}
    topology = {3: "HighlyAvailable", 1: "SingleReplica", 2: "DualReplica"}[len(hosts)]
    infrastructure = {"controlPlaneTopology": topology, "platform": platform, "infrastructureName": "test-x7k2p"}
    infrastructure["platformStatus"] = {"type": platform}  # type: ignore[assignment]
    yield "infrastructures", "", {"metadata": {"name": "cluster"}, "spec": {}, "status": infrastructure}
    yield "proxies", "", {"metadata": {"name": "cluster"}, "spec": {}, "status": {}}
    yield "clusterversion", "", _cluster_version(version, created)
    for name in OPERATORS:
        says = [("Available", "True"), ("Progressing", "False"), ("Degraded", "False"), ("Upgradeable", "True")]
        status = {
            "conditions": [condition(kind, value, since=created) for kind, value in says],
            "versions": [{"name": "operator", "version": version}],
        }
        yield "clusteroperator", "", {"metadata": {"name": name}, "spec": {}, "status": status}
    yield from _static_pods(hosts, created, encrypted=encrypted)
    for word in ("openshiftapiservers", "authentications.operator.openshift.io"):
        status = {"conditions": [_encryption(created, encrypted)]}
        yield word, "", {"metadata": {"name": "cluster"}, "spec": {"managementState": "Managed"}, "status": status}
    for host in hosts:
        yield "node", "", node(host)
        if platform != "None":
            yield "machine", MACHINES, machine(version, f"test-x7k2p-{host.name}", host)


def _static_pods(hosts: tuple[Host, ...], created: str, *, encrypted: bool) -> Iterator[tuple[str, str, Object]]:
    for component in COMPONENTS:
        at = f"{len(hosts)} nodes are at revision {FIRST_REVISION}"
        says = [condition("NodeInstallerProgressing", "False", "AllNodesAtLatestRevision", at, created)]
        if component == "etcd":
            all_are = f"{len(hosts)} members are available"
            says.append(condition("EtcdMembersAvailable", "True", "EtcdQuorate", all_are, created))
        if component == "kube-apiserver":
            says.append(_encryption(created, encrypted))
        statuses = [{"nodeName": host.name, "currentRevision": FIRST_REVISION} for host in hosts]
        status = {"latestAvailableRevision": FIRST_REVISION, "nodeStatuses": statuses, "conditions": says}
        spec = {"managementState": "Managed", "forceRedeploymentReason": "", "unsupportedConfigOverrides": None}
        yield CUSTOM[component], "", {"metadata": {"name": "cluster"}, "spec": spec, "status": status}


def _encryption(created: str, encrypted: bool) -> Object:
    if encrypted:
        return condition("Encrypted", "True", "EncryptionCompleted", "All resources encrypted: secrets", created)
    return condition("Encrypted", "False", "DecryptionCompleted", "Encryption mode set to identity", created)


def _cluster_version(version: str, created: str) -> Object:
    done = {"state": "Completed", "version": version, "startedTime": created, "completionTime": created}
    says = [("Available", "True"), ("Progressing", "False"), ("Failing", "False")]
    status = {
        "desired": {"version": version, "image": "quay.io/openshift-release-dev/ocp-release@sha256:0"},
        "history": [done],
        "conditions": [condition(kind, value, since=created) for kind, value in says],
    }
    return {"metadata": {"name": "version"}, "spec": {"clusterID": str(uuid.uuid4())}, "status": status}


def node(host: Host) -> Object:
    roles = {f"node-role.kubernetes.io/{role}": "" for role in ("master", "control-plane")}
    addresses = [{"type": "InternalIP", "address": host.address}, {"type": "Hostname", "address": host.name}]
    status = {"addresses": addresses, "nodeInfo": {"kubeletVersion": "v1.31.0"}}
    labels = {**roles, "kubernetes.io/hostname": host.name}
    return {"metadata": {"name": host.name, "labels": labels}, "spec": {}, "status": status}


def machine(version: str, name: str, host: Host | None) -> Object:
    """Of a host that is up; without one as a new Machine is written."""
    role = {f"machine.openshift.io/cluster-api-machine-{kind}": "master" for kind in ("role", "type")}
    labels = {**role, "machine.openshift.io/cluster-api-cluster": "test-x7k2p"}
    metadata: Object = {"name": name, "labels": labels, "finalizers": [FINALIZER]}
    spec: Object = {"providerSpec": {"value": {"kind": "AWSMachineProviderConfig", "instanceType": "m6i.xlarge"}}}
    if minor(version) >= (4, 11):
        spec["lifecycleHooks"] = {"preDrain": [HOOK]}
    if host is None:
        return {"metadata": metadata, "spec": spec}
    metadata["annotations"] = {"machine.openshift.io/instance-state": "running"}
    spec["providerID"] = f"aws:///eu-west-1a/i-{uuid.uuid4().hex[:17]}"
    return {"metadata": metadata, "spec": spec, "status": running(host)}


def running(host: Host) -> Object:
    return {
        "phase": "Running",
        "nodeRef": {"kind": "Node", "name": host.name},
        "providerStatus": {"instanceState": "running"},
        "addresses": [{"type": "InternalIP", "address": host.address}],
    }
