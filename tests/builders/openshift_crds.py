"""OpenShift's kinds as CustomResourceDefinitions of ours, for a real kube-apiserver that is none of OpenShift's."""

from typing import Any

from holdfast.local.machines.apiserver.kinds import AGE, KINDS, Column, Kind

# An object of any shape below: what OpenShift's own schemas check is not what is compared.
_ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def openshift_crds() -> list[dict[str, Any]]:
    return [_definition(kind) for kind in KINDS if kind.custom]


def _definition(kind: Kind) -> dict[str, Any]:
    names = {"kind": kind.name, "listKind": f"{kind.name}List", "plural": kind.plural, "singular": kind.name.lower()}
    names |= {"shortNames": list(kind.short)} if kind.short else {}  # type: ignore[dict-item]
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _ANY},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(each) for each in kind.columns],
    }
    group = {"group": kind.group, "names": names, "scope": "Namespaced" if kind.namespaced else "Cluster"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        # The groups are Kubernetes' own to protect only where they end in k8s.io.
        "metadata": {"name": kind.resource},
        "spec": {**group, "versions": [version]},
    }


def _column(column: Column) -> dict[str, Any]:
    path = ".metadata.creationTimestamp" if column is AGE else column.path.removeprefix("@since:").strip("{}")
    kind = "date" if column.path.startswith("@") else "string"
    return {"name": column.name, "type": kind, "jsonPath": path, "priority": int(column.wide)}
