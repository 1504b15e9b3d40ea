"""A cluster to restore: three kubeadm nodes with an API server each, reached over SSH, a verified backup of them, and
everything that changes a cluster in this process (builders/restore_machine.py).

A node's `sleep 1` is short, so that scripts which look once a second do so more often; their time limits are not.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from builders.kubeadm_node import DATA, KubeadmCluster, KubeadmNode, kubeadm_cluster
from builders.machine import BackupMachine
from builders.node_services import CLUSTER, NodeServices, ssh_spec
from builders.restore_faults import Fault
from builders.restore_machine import ChangeMachine
from builders.s3_server import s3_server
from builders.ssh_keys import client_key
from holdfast.engine.restore.stored import PLAN, load_plan, put_bound, record_of, run_of
from holdfast.local.machines.kubeadm_files import MANIFESTS
from holdfast.models.cluster import NodeTransport, SshTransport
from holdfast.models.command import Command, CommandResult
from holdfast.models.restore import ChangeRequest, ChangeRun, ChangeState, ExecutionContext, RestorePlan
from holdfast.models.run import Outcome
from holdfast.planning.naming import token_of_run
from holdfast.state.memory import MemoryLeases
from holdfast.storage.memory import MemoryBucket
from holdfast.transports.base import Running, Transport
from holdfast.transports.ssh.connection import SshDeadlines
from holdfast.transports.ssh.transport import SshNodes

_SHORT_SLEEP = '#!/bin/sh\n[ "$1" != 1 ] || set -- 0.05\nexec /usr/bin/sleep "$@"\n'
_DEADLINES = SshDeadlines(connect_s=2.0, handshake_s=5.0, exchange_s=60.0)
MADE = "/registry/configmaps/made-since/"
KEPT = "/registry/configmaps/kept/"


class RestoreNodes(SshNodes):
    """A function closes its connections with every look; here a few hundred looks share them."""

    fault: Fault | None = None

    def run(self, node: str, key: str, command: Command, handle: str = "") -> Running | CommandResult:
        def run(changed: Command) -> Running | CommandResult:
            return SshNodes.run(self, node, key, changed, handle)

        return self.fault.run(node, command, run) if self.fault and self.fault.meets(key) else run(command)

    def close(self) -> None:
        """Not before `disconnect`."""

    def disconnect(self) -> None:
        super().close()


class RestoreServices(NodeServices):
    """`ahead` is how far the clock is past the real one."""

    ahead = timedelta()

    def at(self, url: str, node_url: str = "") -> "RestoreServices":
        super().at(url, node_url)
        self.clock = lambda: datetime.now(UTC) + self.ahead  # type: ignore[assignment]
        return self

    def keep_records_in_memory(self) -> None:
        """From now on, with what there is: a run has some hundred small objects. What nodes fetch stays."""
        kept = MemoryBucket()
        for each in self.store.list(""):  # type: ignore[union-attr]
            kept.put(each.key, self.store.read(each.key))  # type: ignore[union-attr]
        self.store = kept

    def reach(self, spec: SshTransport) -> RestoreNodes:
        self.reached = RestoreNodes(spec, client_key(), client_key(), deadlines=_DEADLINES)
        return self.reached

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        return lambda _spec: self.reached


@dataclass
class RestoreScene:
    """`first` is the plan of a restore of `backup` that was made by Started; others are copied from it."""

    cluster: KubeadmCluster
    services: RestoreServices
    backup: str = ""
    first: RestorePlan | None = None
    runs: int = 0
    away: str = ""

    def take_backup(self) -> None:
        """Verified; keys that will be removed later are in it."""
        self.cluster.writer().put_many([(f"{KEPT}{number}".encode(), b"kept") for number in range(3)])
        outcome = BackupMachine(self.services, on_wait=lambda _seconds: time.sleep(0.2)).execute(
            CLUSTER, datetime.now(UTC)
        )
        assert outcome.status == "succeeded", outcome.error
        self.backup = outcome.backup_id or ""

    def change(self) -> None:
        """What a restore takes back: keys that were made since, and some that went."""
        writer = self.cluster.writer()
        writer.put_many([(f"{MADE}{number}".encode(), b"since") for number in range(3)])
        writer.delete_prefix(KEPT.encode())

    def counts(self, prefix: str) -> set[int]:
        """How many such keys each member has."""
        return {self.cluster.client().key_count(each, prefix) for each in self.cluster.endpoints}

    def request(self, **changes: Any) -> ChangeRequest:
        fields = {"cluster": CLUSTER, "backup": self.backup, "allow": ("cluster_healthy",)}
        return ChangeRequest.model_validate(fields | changes)

    def machine(self) -> ChangeMachine:
        return ChangeMachine(self.services, on_wait=self.wait)

    def wait(self, seconds: int) -> None:
        """A little; while a node is away, time goes by as the real machine waits."""
        if self.away:
            self.services.ahead += timedelta(seconds=seconds)
        time.sleep(0.02 if self.away else 0.1)

    def name(self) -> str:
        """A run that nobody had before."""
        self.runs += 1
        return f"restore-{self.runs}"

    def restore(self, fault: Fault | None = None) -> Outcome:
        """From Started on."""
        name = self.name()
        outcome = self._with(fault, lambda: self.machine().execute(name, self.request()))
        self.first = self.first or load_plan(self.services, run_of(self.services.runs.get(CLUSTER, name)))
        return outcome

    def restore_as_planned(self, fault: Fault) -> Outcome:
        """From the approval on: the plan is that of the first restore, for a run and a token of its own."""
        plan, request = self.plan(), self.request()
        name = self.name()
        names = {"run_id": name, "execution": name, "cluster_id": CLUSTER, "job": request.job}
        run = ChangeRun.model_validate(names | {"backup_id": request.backup, "started_at": self.services.clock()})
        text = plan.model_dump_json().replace(token_of_run(plan.run_id), token_of_run(name))
        self.services.runs.open(record_of(run))
        put_bound(self.services, run, PLAN, text.replace(plan.run_id, name).encode())
        given = request.model_dump(mode="json", exclude_defaults=True)
        execution = ExecutionContext.model_validate({"Name": name, "StartTime": run.started_at, "Input": given})
        return self._with(fault, lambda: self.machine().go_on(execution, ChangeState(run=run)))

    def again(self, run: str, number: int, how: str, fault: Fault | None = None) -> Outcome:
        """`holdfast restore resume` or `abort`."""
        request = ChangeRequest.model_validate({"cluster": CLUSTER, how: run})
        return self._with(fault, lambda: self.machine().execute(f"{run}-{number}", request))

    def plan(self) -> RestorePlan:
        if self.first is None:
            outcome = self.restore()
            assert outcome.status == "succeeded", outcome.error
            self.services.keep_records_in_memory()
        assert self.first is not None
        return self.first

    def cut(self, node: str) -> None:
        """Until `mend`, nobody gets to the node any more; what runs there goes on."""
        self.cluster.node(node).run("systemctl", "stop", "sshd")
        self.services.reached.disconnect()
        self.away = node

    def mend(self) -> None:
        if self.away:
            self.cluster.node(self.away).run("systemctl", "start", "sshd")
        self.away = ""

    def forget(self) -> None:
        """What restores keep on the nodes, between cases: nobody needs as many."""
        for node in self.cluster.nodes:
            for kept in node.path(DATA).parent.glob("etcd.holdfast-*"):
                shutil.rmtree(kept)

    def heal(self) -> None:
        """After a case that failed, for the next one: no lease, every manifest where it belongs, etcd well."""
        self.services.leases = MemoryLeases()
        for node in self.cluster.nodes:
            for aside in node.path("/etc/kubernetes").glob("holdfast-*"):
                for manifest in aside.iterdir():
                    manifest.rename(node.path(MANIFESTS) / manifest.name)
                aside.rmdir()
        self.cluster.wait_until_healthy()

    def _with(self, fault: Fault | None, work: Callable[[], Outcome]) -> Outcome:
        self.services.reached.fault = fault
        try:
            return work()
        finally:
            self.services.reached.fault = None
            self.mend()


def members_of(node: KubeadmNode) -> set[int]:
    """Inodes of every data directory on the node, in its place or kept: a rename keeps the number."""
    folder = node.path(DATA).parent
    return {path.stat().st_ino for path in (*folder.glob("etcd/member"), *folder.glob("etcd.holdfast-*/old/member"))}


@contextmanager
def restore_scene(folder: Path, **options: Any) -> Iterator[RestoreScene]:
    with s3_server() as url, kubeadm_cluster(folder, 3, encryption=True, api=True, **options) as cluster:
        for node in cluster.nodes:
            node.write("/usr/local/bin/sleep", _SHORT_SLEEP, mode=0o755)
        services = RestoreServices().at(url)
        spec = ssh_spec(cluster)
        assert isinstance(spec.transport, SshTransport)
        services.reach(spec.transport)
        services.clusters.put(spec, replace=True)
        scene = RestoreScene(cluster, services)
        try:
            scene.take_backup()
            yield scene
        finally:
            services.reached.disconnect()
