"""Which kinds there are, as a client asks for it before anything else."""

from typing import Any

from holdfast.local.machines.apiserver.kinds import KINDS

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def discovered(path: str) -> dict[str, Any] | None:
    """None for a path that asks for something else."""
    groups = sorted({(kind.group, kind.version) for kind in KINDS if kind.group})
    match path.strip("/").split("/"):
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            named = {name: [version for group, version in groups if group == name] for name, _ in groups}
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(name, versions) for name, versions in named.items()],
            }
        case ["api", version]:
            return _resources("", version)
        case ["apis", group, version] if (group, version) in groups:
            return _resources(group, version)
    return None


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    offered = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": offered, "preferredVersion": offered[0]}


def _resources(group: str, version: str) -> dict[str, Any]:
    found = []
    for kind in KINDS:
        if (kind.group, kind.version) == (group, version):
            entry = {"name": kind.plural, "singularName": kind.name.lower(), "namespaced": kind.namespaced}
            entry |= {"kind": kind.name, "verbs": _VERBS}
            found.append({**entry, **({"shortNames": list(kind.short)} if kind.short else {})})
            below = {**entry, "verbs": ["get", "patch", "update"]}
            found += [{**below, "name": f"{kind.plural}/{each}"} for each in kind.subresources]
    called = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": called, "resources": found}
