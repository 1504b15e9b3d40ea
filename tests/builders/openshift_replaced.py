"""A cluster of OpenShift whose members are lost and replaced: three machines with the operators at work, reached over
SSH, and everything that changes a cluster in this process (builders/restore_machine.py).

What a provider and a node controller do to objects of a host that is off, is done here.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from builders.node_services import CLUSTER
from builders.openshift_node import OpenShiftCluster, OpenShiftNode, openshift_cluster
from builders.restore_faults import HANGS_S, Fault
from builders.restored import RestoreScene, RestoreServices
from builders.s3_server import s3_server
from builders.waiting import wait_for
from holdfast.engine.restore.started import preview
from holdfast.engine.restore.stored import PLAN, put_bound, record_of
from holdfast.errors import HoldfastError
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import OcError, RefusedError
from holdfast.local.machines.openshift.operators import Operators, operated
from holdfast.local.machines.openshift.seed import MACHINES, named
from holdfast.models.cluster import ClusterSpec, SshTransport
from holdfast.models.command import Command
from holdfast.models.restore import ChangeRequest, ChangeRun, ChangeState, ExecutionContext, RestorePlan
from holdfast.models.run import Outcome
from holdfast.planning.openshift_members import CRASHES

# As old as a node has to be lost for nobody to expect it back.
LONG = timedelta(hours=1)
_SHORT_SLEEP = '#!/bin/sh\ncase $1 in 1 | 3) set -- 0.2 ;; esac\nexec /usr/bin/sleep "$@"\n'
_SAID = '{"code":"restore_tool_failed","message":"the test says so"}'
# As a disk does; the process dies with it.
_DAMAGE = """
spoil() { dd if=/dev/zero of=/var/lib/etcd/member/snap/db bs=4096 count=8 conv=notrunc; }
spoil
for each in /proc/[0-9]*; do
    read -r name <"$each/comm" && [ "$name" = etcd ] && kill -9 "${each#/proc/}"
done
spoil
"""


@dataclass
class StepFault(Fault):
    """Every step of a replacement is one node's: it fails, or hangs, before it did anything, or after all of it."""

    worked: bool = False

    def _spoiled(self, node: str, command: Command) -> Command:
        del node
        work = f"(\n{command.script}\n) >/dev/null\n" if self.worked else ""
        if self.way == "hangs":
            return replace(command, script=f"{work}exec tail -f /dev/null\n", timeout_s=HANGS_S)
        return replace(command, script=f"{work}echo '{_SAID}'\nexit 1\n")


@dataclass
class ReplaceScene(RestoreScene):
    """`lost` is the node whose member is lost, by its name in the cluster file and in Kubernetes, which are equal."""

    operators: Operators | None = None
    lost: str = ""
    gone: list[str] = field(default_factory=list)

    @property
    def hosts(self) -> OpenShiftCluster:
        return self.cluster  # type: ignore[return-value]

    @property
    def api(self) -> Api:
        assert self.operators
        return self.operators.api.answering()

    @property
    def spec(self) -> ClusterSpec:
        return self.services.clusters.get(CLUSTER)

    def know_hosts(self) -> None:
        """The cluster file, as its operator keeps it."""
        nodes = [
            {"name": each.name, "host": each.address, "port": each.ssh_port, "host_keys": list(each.fingerprints)}
            for each in self.hosts.nodes
        ]
        transport = {"kind": "ssh", "user": "core", "credentials": "holdfast/nodes/ssh", "nodes": nodes}
        spec = ClusterSpec.model_validate({"id": CLUSTER, "driver": "openshift", "transport": transport})
        assert isinstance(spec.transport, SshTransport)
        if hasattr(self.services, "reached"):
            self.services.reached.disconnect()
        self.services.reach(spec.transport)
        self.services.clusters.put(spec, replace=True)

    def lose_host(self, name: str) -> None:
        """Its machine is off, and nobody hears of it again."""
        self.lost = name
        self.hosts.node(name).stop()
        self.gone.append(name)
        for each in self.api.items(named("machine"), MACHINES):
            if each.get("status", {}).get("nodeRef", {}).get("name") == name:
                status = {"status": {"providerStatus": {"instanceState": "stopped"}}}
                self.api.patch(named("machine"), MACHINES, each["metadata"]["name"], status, "status")
        wait_for(lambda: not self.is_ready(name), f"{name} to be NotReady", 60)
        self.collect_pods()

    def break_etcd(self, name: str) -> None:
        """Its database is damaged: its pod crashes until it gets other data."""
        self.lost = name
        self.hosts.node(name).run("sh", "-c", _DAMAGE)
        wait_for(lambda: self.restarts(name) >= CRASHES, f"etcd on {name} to crash", 90)

    def is_ready(self, name: str) -> bool:
        said = self.api.get(named("node"), "", name).get("status", {}).get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in said)

    def restarts(self, name: str) -> int:
        found = self._pod(name).get("status", {}).get("containerStatuses", [])
        return sum(int(each["restartCount"]) for each in found if each["name"] == "etcd")

    def _pod(self, name: str) -> dict[str, Any]:
        try:
            return self.api.get(named("pod"), "openshift-etcd", f"etcd-{name}")
        except RefusedError:
            return {}

    def collect_pods(self) -> None:
        """Pods of nodes that are gone are gone, as a controller sees to it."""
        for name in self.gone:
            try:
                self.api.get(named("node"), "", name)
            except RefusedError:
                for each in self.api.items(named("pod")):
                    if each.get("spec", {}).get("nodeName") == name:
                        self.api.delete(named("pod"), each["metadata"]["namespace"], each["metadata"]["name"])

    def request(self, **changes: Any) -> ChangeRequest:
        return ChangeRequest.model_validate({"cluster": CLUSTER, "replace": self.lost} | changes)

    def wait(self, seconds: int) -> None:
        super().wait(seconds)
        try:
            self.collect_pods()
        except OcError:
            return

    def planned(self, name: str) -> RestorePlan:
        """As Started makes it when the member has been lost for long. It refuses nothing."""
        self.services.ahead += LONG
        made = preview(self.services, self.spec, self.request(), name, wait=lambda _look: time.sleep(0.2))
        self.services.ahead -= LONG
        refused = [each for each in made.findings if each.level == "refuse"]
        assert refused == [], refused
        return made

    def replace(self, fault: Fault | None = None) -> Outcome:
        """From the approval on, by the plan of the first run since the member was lost."""
        name = self.name()
        self.first = self.first or self.planned(name)
        names = {"run_id": name, "execution": name, "cluster_id": CLUSTER, "job": "replace-member"}
        run = ChangeRun.model_validate(names | {"started_at": self.services.clock()})
        self.services.runs.open(record_of(run))
        text = self.first.model_dump_json().replace(self.first.run_id, name)
        put_bound(self.services, run, PLAN, text.encode())
        given = self.request().model_dump(mode="json", exclude_defaults=True)
        execution = ExecutionContext.model_validate({"Name": name, "StartTime": run.started_at, "Input": given})
        return self._with(fault, lambda: self.machine().go_on(execution, ChangeState(run=run)))

    def forget(self) -> None:
        """What runs keep on hosts, and the plan that was for another loss."""
        self.first = None
        for node in self.hosts.nodes:
            for path in {each.parent for each in kept_on(node)}:
                shutil.rmtree(path)

    def quietly(self, look: Callable[[], bool]) -> bool:
        """False for what does not answer just now."""
        try:
            return look()
        except (HoldfastError, OcError):
            return False

    def guard_is_on(self) -> bool:
        return not self.api.get(named("etcd"), "", "cluster")["spec"].get("unsupportedConfigOverrides")

    def member_names(self) -> set[str]:
        alive = [node.name for node in self.hosts.nodes if node.name not in self.gone]
        return {each.name for each in self.hosts.client(*alive).facts().members}

    def nodes(self) -> set[str]:
        return {each["metadata"]["name"] for each in self.api.items(named("node"))}

    def machines(self) -> set[str]:
        return {each["metadata"]["name"] for each in self.api.items(named("machine"), MACHINES)}


def kept_on(node: OpenShiftNode) -> list[Path]:
    """What runs noted or moved away there."""
    return sorted((*node.path("/var/lib/holdfast-old").glob("*/*"), *node.path("/etc/kubernetes").glob("holdfast-*/*")))


@contextmanager
def replace_scene(folder: Path, **options: Any) -> Iterator[ReplaceScene]:
    with s3_server() as url, openshift_cluster(folder, **options) as cluster, operated(cluster) as operators:
        for node in cluster.nodes:
            node.write("/usr/local/bin/sleep", _SHORT_SLEEP, mode=0o755)
        services = RestoreServices().at(url)
        scene = ReplaceScene(cluster, services, operators=operators)  # type: ignore[arg-type]
        scene.know_hosts()
        services.keep_records_in_memory()
        try:
            yield scene
            assert operators.failures == []
        finally:
            services.reached.disconnect()
