"""The Machine API: a Machine that is made becomes a host with a node, one that is deleted goes with both.

With an active ControlPlaneMachineSet one that is deleted is made again under a new name. From 4.11 on the drain of a
control-plane machine waits until etcd knows its member no more [inf: by a hook whose owner is etcd's operator].
"""

from collections.abc import Callable

from holdfast.errors import HoldfastError
from holdfast.local.machines.apiserver.kinds import Kind
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import RefusedError
from holdfast.local.machines.openshift.cluster import OpenShiftCluster
from holdfast.local.machines.openshift.operating import Knobs, ensure, masters, set_status
from holdfast.local.machines.openshift.seed import MACHINES, Object, machine, named, running


class MachineApi:
    """`grow` boots one more host of the cluster and says its name."""

    def __init__(self, cluster: OpenShiftCluster, knobs: Knobs, grow: Callable[[], str]) -> None:
        self.cluster, self.knobs, self.grow = cluster, knobs, grow
        self._hosts: dict[str, str] = {}

    def sync(self, api: Api) -> None:
        for each in api.items(named("machine"), MACHINES):
            if each["metadata"].get("deletionTimestamp"):
                self._remove(api, each)
            elif not each.get("status", {}).get("nodeRef"):
                self._provide(api, each)

    def _provide(self, api: Api, each: Object) -> None:
        name, kind = each["metadata"]["name"], named("machine")
        if "machine-api" in self.knobs.stuck:
            return set_status(api, kind, name, namespace=MACHINES, phase="Provisioning")
        if name not in self._hosts:
            self._hosts[name] = self.grow()
            provider = {"spec": {"providerID": f"aws:///eu-west-1a/i-{self._hosts[name]}"}}
            api.patch(kind, MACHINES, name, provider)
            set_status(api, kind, name, namespace=MACHINES, phase="Provisioned")
        if masters(api).get(self._hosts[name]):
            set_status(api, kind, name, namespace=MACHINES, **running(self.cluster.node(self._hosts[name]).host))
        return None

    def _remove(self, api: Api, each: Object) -> None:
        name = str((each.get("status", {}).get("nodeRef") or {}).get("name", ""))
        self._replace(api, each)
        if each["spec"].get("lifecycleHooks") and self._is_member(name):
            return
        self.cluster.drop(name)
        for kind, namespace, gone in [(named("node"), "", name), *self._pods(api, name)]:
            try:
                api.delete(kind, namespace, gone)
            except RefusedError as error:
                if error.reason != "NotFound":
                    raise
        api.patch(named("machine"), MACHINES, each["metadata"]["name"], {"metadata": {"finalizers": None}})

    def _pods(self, api: Api, node: str) -> list[tuple[Kind, str, str]]:
        pods = [each for each in api.items(named("pod")) if each.get("spec", {}).get("nodeName") == node]
        return [(named("pod"), each["metadata"]["namespace"], each["metadata"]["name"]) for each in pods]

    def _replace(self, api: Api, each: Object) -> None:
        sets = api.items(named("controlplanemachineset"), MACHINES)
        if any(one.get("spec", {}).get("state") == "Active" for one in sets):
            new = machine(self.cluster.release.version, f"{each['metadata']['name']}-new", None)
            ensure(api, named("machine"), MACHINES, new)

    def _is_member(self, node: str) -> bool:
        try:
            return any(each.name == node for each in self.cluster.client().facts().members)
        except HoldfastError:
            return True
