"""An OpenShift cluster to restore: hosts behind a real sshd, its operators, a verified backup, and everything that
changes a cluster in this process (builders/restore_machine.py).

What a plan waits for because real clusters are slow is shortened in it (`in_haste`), never left out: operators that
have to be well for minutes are well for a second here. Hosts have names of their own, nodes those of the spec.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builders.machine import BackupMachine
from builders.node_services import CLUSTER
from builders.openshift_node import RELEASES, OpenShiftCluster, OpenShiftNode, Operators, openshift_cluster, operated
from builders.restore_faults import Fault
from builders.restore_machine import ChangeMachine, Stopped
from builders.restored import RestoreScene, RestoreServices
from builders.s3_server import s3_server
from builders.waiting import wait_for
from holdfast.engine.restore.stored import load_plan, run_of
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError
from holdfast.local.machines.oc.failures import OcError
from holdfast.local.machines.openshift.layout import MANIFESTS
from holdfast.local.machines.openshift.pods import DATA
from holdfast.local.machines.openshift.seed import OPERATORS, named
from holdfast.models.cluster import ClusterSpec, SshTransport
from holdfast.models.restore import ChangeRequest, ChangeRun, RestorePlan, RestoreStep
from holdfast.state.memory import MemoryLeases

MADE = "/kubernetes.io/configmaps/made-since/"
KEPT = "/kubernetes.io/configmaps/kept/"
OLD = "/var/lib/holdfast-old"
_ASIDE = "/home/core/assets/manifests-stopped"
# A script that looks once a second looks more often here.
_SHORT_SLEEP = '#!/bin/sh\n[ "$1" != 1 ] || set -- 0.1\nexec /usr/bin/sleep "$@"\n'


def openshift_spec(cluster: OpenShiftCluster, **changes: Any) -> ClusterSpec:
    nodes = [
        {"name": f"n{number}", "host": node.address, "port": node.ssh_port, "host_keys": list(node.fingerprints)}
        for number, node in enumerate(cluster.nodes, start=1)
    ]
    transport: dict[str, Any] = {"kind": "ssh", "user": "core", "credentials": "holdfast/nodes/ssh", "nodes": nodes}
    return ClusterSpec.model_validate({"id": CLUSTER, "driver": "openshift", "transport": transport | changes})


@dataclass
class OpenShiftScene(RestoreScene):
    cluster: OpenShiftCluster  # type: ignore[assignment]
    operators: Operators | None = None
    purpose: dict[str, Any] = field(default_factory=dict)

    def request(self, **changes: Any) -> ChangeRequest:
        """A restore of the backup, or what else is the `purpose`."""
        if not self.purpose:
            return super().request(**changes)
        return ChangeRequest.model_validate({"cluster": CLUSTER, **self.purpose, **changes})

    def host(self, node: str) -> OpenShiftNode:
        """Of a node of the spec."""
        return self.cluster.nodes[int(node.removeprefix("n")) - 1]

    def take_backup(self) -> None:
        self.cluster.writer().put_many([(f"{KEPT}{number}".encode(), _map(number)) for number in range(3)])
        machine = BackupMachine(self.services, on_wait=lambda _seconds: time.sleep(0.2))
        outcome = machine.execute(CLUSTER, datetime.now(UTC))
        assert outcome.status == "succeeded", outcome.error
        self.backup = outcome.backup_id or ""

    def change(self) -> None:
        writer = self.cluster.writer()
        writer.put_many([(f"{MADE}{number}".encode(), _map(number)) for number in range(3)])
        writer.delete_prefix(KEPT.encode())

    def plan(self) -> RestorePlan:
        """Made by Started, and shortened; nothing of it is run."""
        if self.first is None:
            name = self.name()
            machine = ChangeMachine(self.services, on_wait=self.wait, approve=_nobody)
            outcome = machine.execute(name, self.request())
            assert outcome.error, outcome
            assert outcome.error.code != "restore_refused", outcome.error
            self.first = in_haste(load_plan(self.services, run_of(self.services.runs.get(CLUSTER, name))))
            self.services.keep_records_in_memory()
        return self.first

    def cut(self, node: str) -> None:
        self.host(node).run("systemctl", "stop", "sshd")
        self.services.reached.disconnect()
        self.away = node

    def mend(self) -> None:
        if self.away:
            self.host(self.away).run("systemctl", "start", "sshd")
        self.away = ""

    def forget(self) -> None:
        """What restores keep on the hosts, between cases: nobody needs as many."""
        for node in self.cluster.nodes:
            for inside in (OLD, "/var/lib/etcd-backup"):
                shutil.rmtree(node.path(inside), ignore_errors=True)
        self.clear_archives()

    def clear_archives(self) -> None:
        """What a host that came back to a restored cluster has put aside by itself; as long as it lies there, the next
        restore is refused, so that somebody has to take it away."""
        for node in self.cluster.nodes:
            for archive in node.path(DATA).glob("member-removed-archive-*"):
                archive.rename(node.path("/root") / archive.name)

    def heal(self) -> None:
        """After a case that failed, for the next one."""
        self.services.leases = MemoryLeases()
        for node in self.cluster.nodes:
            for aside in (*node.path("/etc/kubernetes").glob("holdfast-*"), node.path(_ASIDE)):
                for manifest in aside.glob("*.yaml") if aside.exists() else ():
                    if not (node.path(MANIFESTS) / manifest.name).exists():
                        manifest.rename(node.path(MANIFESTS) / manifest.name)
        self.settle()

    def settle(self, within_s: float = 90) -> None:
        """Every member healthy, every operator well."""
        self.cluster.wait_until_healthy(within_s=within_s)
        wait_for(self.is_settled, "operators that are well", within_s)

    def is_settled(self) -> bool:
        assert self.operators
        try:
            api = self.operators.api.answering()
            found = {each["metadata"]["name"]: each for each in api.items(named("clusteroperator"))}
        except OcError:
            return False
        wanted = {"Available": "True", "Progressing": "False", "Degraded": "False"}
        return all(
            wanted.items() <= {each["type"]: each["status"] for each in found[name]["status"]["conditions"]}.items()
            for name in OPERATORS
        )

    def _with(self, fault: Fault | None, work: Any) -> Any:
        return super()._with(fault, work)


def in_haste(plan: RestorePlan) -> RestorePlan:
    """The same steps, with waits for what may still come, or may not stay, of a second."""
    return plan.model_copy(update={"steps": tuple(map(_hasty, plan.steps))})


def _hasty(step: RestoreStep) -> RestoreStep:
    shorter = {"quiet_s": "1"} if step.rounds else {"stable_s": "1"} if step.name == "wait-stable" else {}
    shorter |= {"every_s": "1"} if step.script.startswith("openshift/") else {}
    commands = tuple(each.model_copy(update={"values": each.values | shorter}) for each in step.commands)
    return step.model_copy(update={"commands": commands})


def _nobody(services: Services, run: ChangeRun) -> None:
    """Answers: the execution is stopped while it is asked."""
    raise Stopped


def _map(number: int) -> bytes:
    named_so = {
        "name": str(number),
        "namespace": "default",
        "uid": str(number),
        "creationTimestamp": "2026-11-01T00:00:00Z",
    }
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named_so}).encode()


def kept_members(node: OpenShiftNode) -> set[int]:
    """Inodes of every data directory on the host, in its place or kept: a rename keeps the number."""
    root = node.path("/var/lib")
    found = [*root.glob("etcd/member*"), *root.glob("etcd-backup/member*"), *root.glob("holdfast-old/**/member*")]
    found += node.path("/root").glob("member*")
    return {path.stat().st_ino for path in found if path.is_dir()}


def is_there(scene: OpenShiftScene) -> bool:
    try:
        return len(scene.cluster.client().facts().statuses) == len(scene.cluster.nodes)
    except HoldfastError:
        return False


@contextmanager
def openshift_scene(
    folder: Path, version: str = RELEASES["4.18"], members: int = 3, **options: Any
) -> Iterator[OpenShiftScene]:
    with (
        s3_server() as url,
        openshift_cluster(folder, version, members, **options) as cluster,
        operated(cluster) as running,
    ):
        for node in cluster.nodes:
            node.write("/usr/local/bin/sleep", _SHORT_SLEEP, mode=0o755)
        services = RestoreServices().at(url)
        spec = openshift_spec(cluster)
        assert isinstance(spec.transport, SshTransport)
        services.reach(spec.transport)
        services.clusters.put(spec, replace=True)
        scene = OpenShiftScene(cluster, services, operators=running)
        try:
            scene.settle()
            scene.take_backup()
            yield scene
            assert running.failures == []
        finally:
            services.reached.disconnect()
