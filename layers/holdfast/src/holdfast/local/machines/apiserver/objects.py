"""Which kinds there are, where each lies in etcd, and how an object is written, read and shown as a table."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast.local.machines.apiserver.protobuf import MAGIC, config_map_data
from holdfast.local.machines.apiserver.store import Stored

# How long a node controller waits for a node's lease before it calls the node unknown.
GRACE_S = 40


@dataclass(frozen=True)
class Kind:
    name: str
    api_version: str
    below: str
    columns: tuple[str, ...] = ("Name", "Age")


KINDS = {
    "nodes": Kind("Node", "v1", "/registry/minions", ("Name", "Status", "Roles", "Age", "Version")),
    "namespaces": Kind("Namespace", "v1", "/registry/namespaces", ("Name", "Status", "Age")),
    "configmaps": Kind("ConfigMap", "v1", "/registry/configmaps", ("Name", "Data", "Age")),
    "leases": Kind("Lease", "coordination.k8s.io/v1", "/registry/leases", ("Name", "Holder", "Age")),
}


def new(kind: Kind, namespace: str, given: dict[str, Any]) -> dict[str, Any]:
    metadata = {**given.get("metadata", {}), "uid": str(uuid.uuid4()), "creationTimestamp": _now()}
    if namespace:
        metadata["namespace"] = namespace
    return {**given, "apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


def changed(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    fixed = {name: before["metadata"][name] for name in ("uid", "creationTimestamp") if name in before["metadata"]}
    metadata = {**before["metadata"], **given.get("metadata", {}), **fixed}
    return {**given, "apiVersion": before["apiVersion"], "kind": before["kind"], "metadata": metadata}


def written(value: dict[str, Any]) -> bytes:
    metadata = {name: each for name, each in value["metadata"].items() if name != "resourceVersion"}
    return json.dumps({**value, "metadata": metadata}, separators=(",", ":")).encode()


def read(kind: Kind, stored: Stored) -> dict[str, Any]:
    """One that a real API server wrote is protobuf: its name is known by its key, and of a ConfigMap its data."""
    if stored.value.startswith(b"{"):
        value = dict(json.loads(stored.value))
    else:
        *_, namespace, name = stored.key.removeprefix("/registry").split("/")
        value = {"metadata": {"name": name, **({"namespace": namespace} if stored.key.count("/") > 3 else {})}}
        value |= {"apiVersion": kind.api_version, "kind": kind.name}
        if kind.name == "ConfigMap" and stored.value.startswith(MAGIC):
            value["data"] = config_map_data(stored.value)
    value["metadata"] = {**value["metadata"], "resourceVersion": str(stored.revision)}
    return value


def with_readiness(node: dict[str, Any], lease: dict[str, Any] | None) -> dict[str, Any]:
    """What a node controller makes of the node's lease."""
    renewed = lease["spec"].get("renewTime", "") if lease and "spec" in lease else ""
    age = (datetime.now(UTC) - datetime.fromisoformat(renewed)).total_seconds() if renewed else None
    status = "Unknown" if age is None or age > GRACE_S else "True"
    reason = "KubeletReady" if status == "True" else "NodeStatusUnknown"
    condition = {"type": "Ready", "status": status, "reason": reason, "lastHeartbeatTime": renewed or None}
    return {**node, "status": {**node.get("status", {}), "conditions": [condition]}}


def table(kind: Kind, values: list[dict[str, Any]], revision: int) -> dict[str, Any]:
    """As kubectl asks for it: cells for people, without the objects."""
    columns = [
        {"name": name, "type": "string", "format": "", "description": "", "priority": 0} for name in kind.columns
    ]
    rows = [{"cells": [_cell(name, value) for name in kind.columns], "object": None} for value in values]
    listed = {"metadata": {"resourceVersion": str(revision)}, "columnDefinitions": columns, "rows": rows}
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", **listed}


def _cell(column: str, value: dict[str, Any]) -> Any:
    metadata = value["metadata"]
    match column:
        case "Name":
            return metadata["name"]
        case "Age":
            return _age(metadata.get("creationTimestamp", ""))
        case "Status" if value["kind"] == "Node":
            ready = {each["type"]: each["status"] for each in value.get("status", {}).get("conditions", [])}
            return "Ready" if ready.get("Ready") == "True" else "NotReady"
        case "Status":
            return value.get("status", {}).get("phase", "Active")
        case "Roles":
            before = "node-role.kubernetes.io/"
            roles = (label.removeprefix(before) for label in metadata.get("labels", {}) if label.startswith(before))
            return ",".join(sorted(roles)) or "<none>"
        case "Version":
            return value.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
        case "Data":
            return len(value.get("data", {}))
        case _:
            return value.get("spec", {}).get("holderIdentity", "")


def _age(created: str) -> str:
    if not created:
        return "<unknown>"
    return f"{max(0, int((datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()))}s"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
