"""Why a member of an OpenShift cluster's etcd is not healthy, and whether it will come back by itself.

The order of the questions is the vendor's: a machine that does not run, then a node that is not Ready, then a pod that
crashes on a node which is Ready. Each has a procedure of its own; one that returns soon has none, as the operator
brings such a member up to date by itself.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from holdfast.drivers.openshift.findings import told_cluster
from holdfast.models.cluster import ClusterSpec, SshTransport
from holdfast.models.openshift import ClusterNode, EtcdPod, Machine, OpenShiftCluster
from holdfast.planning.quorum import healthy_voters, tally
from holdfast.planning.restore_seen import RestoreSeen

Cause = Literal["healthy", "quorum-lost", "machine-not-running", "node-not-ready", "crash-looping"]

# A node that restarts, with its firmware's checks and updates, is away for so long at most; nobody wrote down a number.
RETURNS = timedelta(minutes=15)
# A pod that was restarted less often may only have waited for a certificate or for another member.
CRASHES = 3
# Words of providers for an instance that runs: AWS has "running". Those of others are from their own interfaces and
# were not seen in a Machine: whoever says none of them is taken for stopped, and the word is shown to who approves.
_RUNS = frozenset(("running", "active", "poweredon", "succeeded", "ready", "vmrunning"))
# And for one that is on its way up.
_COMES = frozenset(("pending", "provisioning", "staging", "starting", "restarting", "rebooting", "repairing"))
_MADE = frozenset(("Provisioning", "Provisioned"))


@dataclass(frozen=True)
class Diagnosis:
    """Of the member on one node. `name` is the node's in Kubernetes. `may_return` is why it may come back by itself, ""
    where nothing says so; `cause` is then what it is if it does not. `machine` is None where no Machine has the
    node."""

    name: str
    cause: Cause
    reason: str
    may_return: str = ""
    machine: Machine | None = None

    @property
    def word(self) -> str:
        """What `member status` calls it."""
        return "returns-soon" if self.may_return else self.cause


def cluster_seen(seen: RestoreSeen) -> OpenShiftCluster | None:
    """What the API told that host which it told most."""
    return told_cluster(seen.surveys)


def kubernetes_name(spec: ClusterSpec, seen: RestoreSeen, node: str) -> str:
    """What Kubernetes calls a node of the cluster file: as its host told it, else by an address or a name that the API
    or a member list has. The file's own name where nothing does."""
    survey = seen.survey_of(node)
    if survey and survey.node_name:
        return survey.node_name
    cluster = cluster_seen(seen)
    nodes = cluster.nodes if cluster else ()
    host = _host(spec, node)
    by_address = (each.name for each in nodes if host in each.addresses)
    known = [each.name for each in nodes]
    known += [each.node for each in (cluster.machines if cluster else ()) if each.node]
    known += [member.name for member in seen.member_list() if member.name]
    by_name = (each for each in known if node in (each, each.partition(".")[0]) or host == each)
    members = seen.member_list()
    by_url = (each.name for each in members if each.name and host in {urlsplit(url).hostname for url in each.peer_urls})
    return [*by_address, *by_name, *by_url, node][0]


def _host(spec: ClusterSpec, node: str) -> str:
    if not isinstance(spec.transport, SshTransport):
        return node
    return next((each.host for each in spec.transport.nodes if each.name == node), node)


def diagnose(spec: ClusterSpec, seen: RestoreSeen, node: str, now: datetime) -> Diagnosis | None:
    """`node` is the cluster file's. None when the API told nobody anything, or no member told who the members are:
    then nothing can be said of a single one."""
    cluster, etcd = cluster_seen(seen), seen.etcd
    if cluster is None or etcd is None or not seen.member_list():
        return None
    name = kubernetes_name(spec, seen, node)
    machine = next((each for each in cluster.machines if each.node == name), None)
    made = _Look(name, cluster, machine, seen, now, asked=seen.survey_of(node) is not None)
    if made.is_healthy:
        return Diagnosis(name, "healthy", f"the member on {name} is healthy", machine=machine)
    counted = tally(etcd)
    if not counted.has_quorum:
        return Diagnosis(name, "quorum-lost", f"quorum is lost ({counted})", machine=machine)
    return made.of_machine() or made.of_node() or made.of_pod()


@dataclass(frozen=True)
class _Look:
    name: str
    cluster: OpenShiftCluster
    machine: Machine | None
    seen: RestoreSeen
    now: datetime
    asked: bool

    @property
    def member(self) -> str:
        """Its id, "" when the list has none of that name."""
        return next((each.member_id for each in self.seen.member_list() if each.name == self.name), "")

    @property
    def node(self) -> ClusterNode | None:
        return next((each for each in self.cluster.nodes if each.name == self.name), None)

    @property
    def pod(self) -> EtcdPod | None:
        """There is one at most: it is named after its node."""
        pods = (each for each in self.cluster.etcd_pods if each.node == self.name or each.name == f"etcd-{self.name}")
        return next(pods, None)

    @property
    def is_healthy(self) -> bool:
        """It said so itself; or nobody reached its host, and the API shows node and pod Ready. A pod that crashes is
        shown Ready for moments too: where the host was reached and the member did not answer, that says nothing."""
        if self.seen.etcd is None or not self.member:
            return False
        answered = {status.member_id for status in self.seen.etcd.statuses}
        if self.member in answered:
            return self.member in healthy_voters(self.seen.etcd)
        if self.asked:
            return False
        ready = self.node is not None and self.node.ready == "True" and not self.node.unreachable
        return ready and self.pod is not None and self.pod.ready

    def of_machine(self) -> Diagnosis | None:
        """None when nothing is wrong with it, or there are no Machines at all, as where the user brought the hosts."""
        if not self.cluster.machines:
            return None
        if self.machine is None:
            return self._found("machine-not-running", f"no Machine has the node {self.name}")
        told = f"its Machine {self.machine.name} is {self.machine.phase or 'in no phase'}"
        state = self.machine.state.lower()
        if self.machine.state:
            told += f", its instance {self.machine.state}"
        if self.machine.phase in _MADE or state in _COMES:
            return self._found("machine-not-running", told, f"{told}: it is on its way up")
        if self.machine.phase not in ("Running", "") or (state and state not in _RUNS):
            return self._found("machine-not-running", told)
        return None

    def of_node(self) -> Diagnosis | None:
        if self.node is None:
            return self._found("node-not-ready", f"the API has no node {self.name}")
        if self.node.ready == "True" and not self.node.unreachable:
            return None
        since = self.node.ready_since
        told = f"the node {self.name} is not Ready" if self.node.ready != "True" else f"{self.name} is unreachable"
        told += f" since {since:%Y-%m-%d %H:%M} UTC" if since else ""
        if since and self.now - since < RETURNS:
            return self._found("node-not-ready", told, f"{told}: it may be restarting")
        return self._found("node-not-ready", told)

    def of_pod(self) -> Diagnosis:
        """The node is Ready: what ails the member is its own."""
        pod = self.pod
        if pod is None:
            return self._found("crash-looping", f"{self.name} is Ready and has no etcd pod")
        told = f"{self.name} is Ready, and its etcd pod is {pod.reason or pod.phase or 'in no phase'}"
        told += f" after {pod.restarts} restarts" if pod.restarts else ""
        if self._is_learner():
            return self._found(
                "crash-looping", told, f"the member on {self.name} answers as a learner: it is catching up"
            )
        if self._is_corrupt():
            return self._found("crash-looping", f"{told}; its member has a CORRUPT alarm")
        if pod.restarts >= CRASHES or pod.phase == "Failed":
            return self._found("crash-looping", told)
        return self._found("crash-looping", told, f"{told}: it may still be starting or catching up")

    def _is_learner(self) -> bool:
        statuses = self.seen.etcd.statuses if self.seen.etcd else ()
        return any(each.member_id == self.member and each.is_learner for each in statuses)

    def _is_corrupt(self) -> bool:
        alarms = self.seen.etcd.alarms if self.seen.etcd else ()
        return any(alarm.kind == "CORRUPT" and alarm.member_id == self.member for alarm in alarms)

    def _found(self, cause: Cause, reason: str, may_return: str = "") -> Diagnosis:
        return Diagnosis(self.name, cause, reason, may_return, self.machine)


def new_machine_name(old: str, machines: tuple[Machine, ...]) -> str:
    """The old one's with the next free number: "prod-x7k2p-master-2" becomes "prod-x7k2p-master-3"."""
    base = re.sub(r"-\d+$", "", old)
    taken = [re.fullmatch(rf"{re.escape(base)}-(\d+)", each.name) for each in machines]
    numbers = [int(found[1]) for found in taken if found]
    return f"{base}-{max(numbers, default=-1) + 1}"
