"""An operator of static pods: a revision whenever what it is made of has changed, brought to one host at a time."""

import hashlib
import json
import time

from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import RefusedError
from holdfast.local.machines.openshift.cluster import OpenShiftCluster
from holdfast.local.machines.openshift.layout import MANIFESTS, revision
from holdfast.local.machines.openshift.operating import Knobs, ensure, is_ready, masters, set_operator, set_status
from holdfast.local.machines.openshift.seed import CUSTOM, Object, condition, named


class StaticPodOperator:
    """What a revision was made of is kept beside it in a ConfigMap, so that a restore takes that back too."""

    def __init__(self, component: str, cluster: OpenShiftCluster, knobs: Knobs) -> None:
        self.component, self.cluster, self.knobs = component, cluster, knobs
        self.kind, self.namespace = named(CUSTOM[component]), f"openshift-{component}"
        self._since: dict[tuple[str, int], float] = {}

    def sync(self, api: Api) -> None:
        value = api.get(self.kind, "", "cluster")
        status, nodes = value.get("status") or {}, masters(api)
        latest = int(status.get("latestAvailableRevision", 0))
        current = {each["nodeName"]: int(each.get("currentRevision", 0)) for each in status.get("nodeStatuses", [])}
        current = {name: current.get(name, 0) for name in nodes}
        made_of = self.made_of(api, value, nodes)
        blocked = self.blocked(api, value)
        before = self._known(api, latest)
        rolling = any(each != latest for each in current.values())
        if before is None:
            self._keep(api, latest, made_of)
        elif before != made_of and not blocked and (not rolling or before["reason"] != made_of["reason"]):
            latest += 1
            self._keep(api, latest, made_of)
        self._roll(api, nodes, current, latest, made_of["reason"])
        self._tell(api, value, current, latest, blocked if before and before != made_of else "")

    def made_of(self, api: Api, value: Object, nodes: dict[str, bool]) -> dict[str, str]:  # noqa: ARG002
        """What a new revision is needed for when it changes."""
        return {"reason": str((value.get("spec") or {}).get("forceRedeploymentReason") or "")}

    def blocked(self, api: Api, value: Object) -> str:  # noqa: ARG002
        """Why no revision may begin now; "" when one may."""
        return ""

    def done(self, name: str) -> bool:  # noqa: ARG002
        """Whether the host is served by what was installed there, beside its pod being ready."""
        return True

    def _known(self, api: Api, number: int) -> dict[str, str] | None:
        try:
            found = api.get(named("configmap"), self.namespace, f"revision-status-{number}")
        except RefusedError as error:
            if error.reason != "NotFound":
                raise
            return None
        return dict(found.get("data") or {})

    def _keep(self, api: Api, number: int, made_of: dict[str, str]) -> None:
        metadata = {"name": f"revision-status-{number}"}
        ensure(api, named("configmap"), self.namespace, {"metadata": metadata})
        api.patch(named("configmap"), self.namespace, metadata["name"], {"data": made_of})

    def _roll(self, api: Api, nodes: dict[str, bool], current: dict[str, int], latest: int, reason: str) -> None:
        """The next host whose kubelet answers; one that does not is left out until it does."""
        if self.component in self.knobs.stuck:
            return
        for name, ready in nodes.items():
            if current[name] == latest or not ready or name not in {node.name for node in self.cluster.nodes}:
                continue
            since = self._since.setdefault((name, latest), time.monotonic())
            if time.monotonic() - since < self.knobs.slow_s:
                return
            if not self._installed(name, latest, reason):
                self.cluster.install(self.cluster.node(name), self.component, latest, reason)
            elif self._serves(api, name, latest) and self.done(name):
                current[name] = latest
            return

    def _installed(self, name: str, number: int, reason: str) -> bool:
        node, cluster = self.cluster.node(name), self.cluster
        _, wanted = revision(cluster.release, cluster.signers, self.component, number, node.host, cluster.hosts, reason)
        path = node.path(f"{MANIFESTS}/{self.component}-pod.yaml")
        return path.exists() and path.read_text() == wanted

    def _serves(self, api: Api, name: str, number: int) -> bool:
        try:
            pod = api.get(named("pod"), self.namespace, f"{self.component}-{name}")
        except RefusedError as error:
            if error.reason != "NotFound":
                raise
            return False
        return pod["metadata"].get("labels", {}).get("revision") == str(number) and is_ready(pod)

    def _tell(self, api: Api, value: Object, current: dict[str, int], latest: int, blocked: str) -> None:
        counts = {number: list(current.values()).count(number) for number in sorted(set(current.values()))}
        message = "; ".join(f"{count} nodes are at revision {number}" for number, count in counts.items())
        rolling = set(counts) != {latest} or self.component in self.knobs.stuck
        if rolling and latest not in counts:
            message += f"; 0 nodes have achieved new revision {latest}"
        said = condition("NodeInstallerProgressing", "False", "AllNodesAtLatestRevision", message)
        if rolling:
            said = condition("NodeInstallerProgressing", "True", "", message) | {"reason": ""}
        statuses = [
            {"nodeName": name, "currentRevision": number, **({"targetRevision": latest} if number != latest else {})}
            for name, number in current.items()
        ]
        observed = {"observedGeneration": value["metadata"].get("generation", 1)}
        set_status(api, self.kind, "cluster", [said], latestAvailableRevision=latest, nodeStatuses=statuses, **observed)
        set_operator(api, self.component, self.knobs, progressing=message if rolling else "", degraded=blocked)


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
