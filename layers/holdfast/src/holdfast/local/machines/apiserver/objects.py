"""How an object is made, changed, written to etcd and read from there."""

import json
import random
import string
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast.local.machines.apiserver.kinds import Kind
from holdfast.local.machines.apiserver.protobuf import MAGIC, config_map_data
from holdfast.local.machines.apiserver.refusals import RefusedError, bad, invalid
from holdfast.local.machines.apiserver.store import Stored

# Nobody but the server says these.
_FIXED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace")
_FINAL = ("Approved", "Denied")
# Of these the status is what their maker said; every other kind that has one begins without.
_KEEPS_STATUS = ("Node", "Namespace")


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple[str, ...] = ()


def new(kind: Kind, namespace: str, given: dict[str, Any], user: User) -> dict[str, Any]:
    _check_kind(kind, given)
    metadata = {**given.get("metadata", {}), "uid": str(uuid.uuid4()), "creationTimestamp": now()}
    if not metadata.get("name") and metadata.get("generateName"):
        letters = random.choices(string.ascii_lowercase + string.digits, k=5)  # noqa: S311 - no secret
        metadata["name"] = metadata["generateName"] + "".join(letters)
    if not metadata.get("name"):
        raise invalid(kind, "", "metadata.name: Required value: name or generateName is required")
    if metadata.get("resourceVersion"):
        raise bad("resourceVersion should not be set on objects to be created")
    if kind.namespaced and metadata.setdefault("namespace", namespace) != namespace:
        raise bad("the namespace of the provided object does not match the namespace sent on the request")
    if kind.custom:
        metadata["generation"] = 1
    value = {**given, "apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
    if "status" in kind.subresources and kind.name not in _KEEPS_STATUS:
        value.pop("status", None)
    match kind.name:
        case "Pod":
            value["status"] = {"phase": "Pending"}
        case "CertificateSigningRequest":
            value |= {"spec": _requested(kind, value, user), "status": {}}
    return value


def _check_kind(kind: Kind, given: dict[str, Any]) -> None:
    if kind.custom and not given.get("kind"):
        raise bad(f"Object 'Kind' is missing in '{json.dumps(given)}'")
    for field, wanted, called in (("apiVersion", kind.api_version, "API version"), ("kind", kind.name, "kind")):
        if (said := given.get(field, wanted)) != wanted:
            raise bad(f"the {called} in the data ({said}) does not match the expected {called} ({wanted})")


def _requested(kind: Kind, value: dict[str, Any], user: User) -> dict[str, Any]:
    """Who asks is who is asked by: nobody says it himself."""
    spec = value.get("spec", {})
    name = value["metadata"]["name"]
    for needed in ("request", "signerName", "usages"):
        if not spec.get(needed):
            raise invalid(kind, name, f"spec.{needed}: Required value")
    return {**spec, "username": user.name, "groups": list(user.groups)}


def replaced(kind: Kind, before: dict[str, Any], given: dict[str, Any], subresource: str) -> dict[str, Any]:
    """`before` with what a PUT of `given` there may change."""
    name = before["metadata"]["name"]
    for field, said in (("name", name), ("namespace", before["metadata"].get("namespace"))):
        if given.get("metadata", {}).get(field, said) != said:
            raise bad(f"the {field} of the object does not match the {field} on the URL")
    match subresource:
        case "status" if kind.name == "CertificateSigningRequest":
            return {**before, "status": _undecided(kind, before, given)}
        case "status":
            return {**before, "status": given.get("status", {})}
        case "approval":
            return _approved(kind, before, given)
    metadata = {each: value for each, value in given.get("metadata", {}).items() if each not in _FIXED}
    metadata |= {each: before["metadata"][each] for each in (*_FIXED, "name") if each in before["metadata"]}
    metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
    after = {**given, "apiVersion": before["apiVersion"], "kind": before["kind"], "metadata": metadata}
    if "status" in kind.subresources:
        after |= {"status": before["status"]} if "status" in before else {}
        if "status" not in before:
            after.pop("status", None)
    if kind.name == "CertificateSigningRequest":
        after["spec"] = before["spec"]
    if kind.custom and _body(after) != _body(before):
        metadata["generation"] = before["metadata"].get("generation", 1) + 1
    return after


def _body(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in ("metadata", "status")}


def _undecided(kind: Kind, before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A request's status, by the path that decides nothing."""
    had, has = _decisions(before), _decisions(given)
    for how, types in (("add", has - had), ("remove", had - has)):
        if types:
            raise _forbidden(kind, before, how, types)
    return dict(given.get("status", {}))


def _decisions(request: dict[str, Any]) -> set[str]:
    return {each["type"] for each in request.get("status", {}).get("conditions") or [] if each["type"] in _FINAL}


def _forbidden(kind: Kind, request: dict[str, Any], how: str, types: set[str]) -> RefusedError:
    why = f"updates may not {how} a condition of type {json.dumps(min(types))}"
    return invalid(kind, request["metadata"]["name"], f"status.conditions: Forbidden: {why}")


def _approved(kind: Kind, before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Conditions come and stay: an approval is not taken back, and no request is both approved and denied."""
    conditions = given.get("status", {}).get("conditions") or []
    had, has = _decisions(before), _decisions(given)
    if had - has:
        raise _forbidden(kind, before, "remove", had - has)
    if len(has) > 1:
        why = "Invalid value: Approved and Denied conditions are mutually exclusive"
        raise invalid(kind, before["metadata"]["name"], f"status.conditions: {why}")
    filled = [{"lastUpdateTime": now(), "lastTransitionTime": now(), **each} for each in conditions]
    return {**before, "status": {**before.get("status", {}), **({"conditions": filled} if filled else {})}}


def merged(value: Any, patch: Any) -> Any:
    """JSON merge patch: null removes, a map is merged, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, each in patch.items():
        if each is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), each)
    return result


def written(value: dict[str, Any]) -> bytes:
    metadata = {name: each for name, each in value["metadata"].items() if name != "resourceVersion"}
    return json.dumps({**value, "metadata": metadata}, separators=(",", ":")).encode()


def read(kind: Kind, stored: Stored) -> dict[str, Any]:
    """One that a real API server wrote is protobuf: its name is known by its key, and of a ConfigMap its data."""
    if stored.value.startswith(b"{"):
        value = dict(json.loads(stored.value))
    else:
        *_, namespace, name = stored.key.split("/")
        value = {"metadata": {"name": name, **({"namespace": namespace} if kind.namespaced else {})}}
        value |= {"apiVersion": kind.api_version, "kind": kind.name}
        if kind.name == "ConfigMap" and stored.value.startswith(MAGIC):
            value["data"] = config_map_data(stored.value)
    value["metadata"] = {**value["metadata"], "resourceVersion": str(stored.revision)}
    return value


def with_readiness(node: dict[str, Any], lease: dict[str, Any] | None, grace_s: float) -> dict[str, Any]:
    """What a node controller makes of the node's lease. A node that has none is what its status says, if it does."""
    status = node.get("status", {})
    others = [each for each in status.get("conditions", []) if each["type"] != "Ready"]
    if lease is None and len(others) < len(status.get("conditions", [])):
        return node
    renewed = lease["spec"].get("renewTime", "") if lease and "spec" in lease else ""
    age = (datetime.now(UTC) - datetime.fromisoformat(renewed)).total_seconds() if renewed else None
    ready = age is not None and age <= grace_s
    condition = {"type": "Ready", "status": "True" if ready else "Unknown", "lastHeartbeatTime": renewed or None}
    condition |= {"reason": "KubeletReady" if ready else "NodeStatusUnknown"}
    condition["lastTransitionTime"] = (node["metadata"].get("creationTimestamp") if ready else renewed) or None
    spec = node.get("spec", {})
    taints = [each for each in spec.get("taints", []) if each["key"] != "node.kubernetes.io/unreachable"]
    if not ready:
        taints += [{"key": "node.kubernetes.io/unreachable", "effect": each} for each in ("NoSchedule", "NoExecute")]
    spec = {**{name: each for name, each in spec.items() if name != "taints"}, **({"taints": taints} if taints else {})}
    return {**node, "spec": spec, "status": {**status, "conditions": [*others, condition]}}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
