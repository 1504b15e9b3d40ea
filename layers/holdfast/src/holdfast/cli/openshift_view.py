"""What `holdfast cluster check` shows of an OpenShift cluster beside its members and nodes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from holdfast.drivers.openshift.findings import told_cluster

if TYPE_CHECKING:
    from holdfast.models.node import NodeSurvey
    from holdfast.models.openshift import OpenShiftCluster, OpenShiftView


def openshift_rows(surveys: "tuple[NodeSurvey, ...]") -> Iterator[tuple[str, str]]:
    """Name and value; nothing for another distribution."""
    views = {survey.node: survey.openshift for survey in surveys if survey.openshift}
    if not views:
        return
    cluster = told_cluster(surveys)
    if cluster:
        yield from _cluster(cluster)
    silent = [f"{node} ({view.silence or 'nobody asked'})" for node, view in views.items() if view.cluster is None]
    if silent:
        yield "told nothing", ", ".join(silent)
    yield "scripts", _scripts(views)


def _cluster(cluster: "OpenShiftCluster") -> Iterator[tuple[str, str]]:
    since = f", installed {cluster.created_at:%Y-%m-%d}" if cluster.created_at else ""
    yield "release", f"{cluster.version or 'not known'}{since}{_upgrading(cluster)}"
    where = " on ".join(each for each in (cluster.topology or "HighlyAvailable", cluster.platform) if each)
    yield "control plane", f"{where} ({cluster.infrastructure})" if cluster.infrastructure else where
    moving = [each.name for each in cluster.operators if each.progressing == "True"]
    yield "operators", f"progressing: {', '.join(moving)}" if moving else f"{len(cluster.operators)} settled"
    encrypted = [f"{each.server} {each.reason}" for each in cluster.encryption if each.reason]
    yield "encryption", ", ".join(encrypted) or "none"
    yield "members", cluster.members_message or "not told"
    yield "machines", _machines(cluster)


def _upgrading(cluster: "OpenShiftCluster") -> str:
    return ", in the middle of an upgrade" if cluster.progressing == "True" else ""


def _machines(cluster: "OpenShiftCluster") -> str:
    if not cluster.machines:
        return "none of the control plane's: whoever installed the hosts replaces them"
    kept = f", ControlPlaneMachineSet {cluster.machine_set}" if cluster.machine_set else ""
    return f"{len(cluster.machines)} of the control plane{kept}"


def _scripts(views: "dict[str, OpenShiftView]") -> str:
    nodes: dict[str, list[str]] = {}
    for node, view in views.items():
        nodes.setdefault(view.host.generation or "none", []).append(node)
    return ", ".join(f"{generation} on {', '.join(names)}" for generation, names in sorted(nodes.items()))
