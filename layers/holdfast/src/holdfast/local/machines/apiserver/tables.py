"""Objects as a table for people, as kubectl asks for it."""

from datetime import UTC, datetime
from typing import Any

from holdfast.local.machines.apiserver.kinds import Column, Kind
from holdfast.local.machines.jsonpath import printed

_ROLE = "node-role.kubernetes.io/"
_DESCRIPTION = {"format": "", "description": ""}


def table(kind: Kind, values: list[dict[str, Any]], revision: int, include: str) -> dict[str, Any]:
    """`include` is what goes with each row: None, Metadata (the default), Object."""
    columns = [Column("Name", "{.metadata.name}"), *kind.columns]
    definitions = [
        {"name": each.name, "type": "string", **_DESCRIPTION, "priority": int(each.wide)} for each in columns
    ]
    rows = [{"cells": [_cell(each, value) for each in columns], "object": _beside(value, include)} for value in values]
    listed = {"metadata": {"resourceVersion": str(revision)}, "columnDefinitions": definitions, "rows": rows}
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", **listed}


def _beside(value: dict[str, Any], include: str) -> dict[str, Any] | None:
    match include:
        case "None":
            return None
        case "Object":
            return value
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**partial, "metadata": value["metadata"]}


def _cell(column: Column, value: dict[str, Any]) -> Any:
    if not column.path.startswith("@"):
        return printed(column.path, value)
    status, metadata = value.get("status", {}), value["metadata"]
    match column.path.partition(":")[0]:
        case "@age":
            return _age(metadata.get("creationTimestamp", ""))
        case "@since":
            return _age(printed(column.path.partition(":")[2], value))
        case "@node-status":
            ready = {each["type"]: each["status"] for each in status.get("conditions", [])}
            return "Ready" if ready.get("Ready") == "True" else "NotReady"
        case "@roles":
            roles = (each.removeprefix(_ROLE) for each in metadata.get("labels", {}) if each.startswith(_ROLE))
            return ",".join(sorted(roles)) or "<none>"
        case "@internal-ip":
            found = [each["address"] for each in status.get("addresses", []) if each["type"] == "InternalIP"]
            return next(iter(found), "<none>")
        case "@namespace-status":
            return status.get("phase", "Active")
        case "@data":
            return len(value.get("data") or {})
        case "@csr-condition":
            return _csr_condition(status)
        case path:
            return _pod_cell(path, value)


def _csr_condition(status: dict[str, Any]) -> str:
    found = [each["type"] for each in status.get("conditions") or []]
    said = [each for each in ("Approved", "Denied", "Failed") if each in found]
    return ",".join(said or ["Pending"]) + (",Issued" if status.get("certificate") else "")


def _pod_cell(path: str, pod: dict[str, Any]) -> Any:
    status = pod.get("status", {})
    containers = status.get("containerStatuses", [])
    match path:
        case "@pod-ready":
            ready = sum(bool(each.get("ready")) for each in containers)
            return f"{ready}/{len(pod.get('spec', {}).get('containers', []))}"
        case "@pod-restarts":
            return sum(int(each.get("restartCount", 0)) for each in containers)
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    reasons = [
        said["reason"]
        for each in containers
        for how in ("waiting", "terminated")
        if (said := each.get("state", {}).get(how)) and said.get("reason")
    ]
    return reasons[0] if reasons else status.get("reason") or status.get("phase", "")


def _age(since: str) -> str:
    """As kubectl counts: in one or two units."""
    if not since:
        return "<unknown>"
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{hours}h" if days < 2 else f"{days}d{hours % 24}h" if days < 8 and hours % 24 else f"{days}d"
