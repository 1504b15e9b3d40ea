"""What was observed of an OpenShift cluster and of one of its control-plane hosts. Sizes are bytes, times are UTC.

Words of the API are kept as they are ("True", "False", "Unknown"; "" where nobody answered), as a value that nobody
knows yet is no reason to fail while something is read.
"""

from typing import Literal

from pydantic import Field

from holdfast.models.base import Model, Utc
from holdfast.models.words import Lines, Words

# Which vendor scripts a host has, by the first release of each that behaves so: 4.4 asks no operator and has no
# --force; 4.6 has both; 4.9 looks for certificates on the host; 4.11 fetches etcdctl anew; 4.18 stops etcd alone.
Generation = Literal["4.4", "4.6", "4.9", "4.11", "4.18"]
# The four whose rollouts a backup must not meet, and that a restore rolls out again, in this order.
OPERATORS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


class Operator(Model):
    """A ClusterOperator's conditions."""

    name: Words
    available: Words = ""
    progressing: Words = ""
    degraded: Words = ""


class Encryption(Model):
    """The condition `Encrypted` of one of the three API servers: kubeapiserver, openshiftapiserver, authentication."""

    server: Words
    reason: Words = ""
    message: Words = ""


class ClusterNode(Model):
    """`ready` is the condition Ready, since `ready_since`; `unreachable`: it has the taint of that name."""

    name: Words
    ready: Words = ""
    ready_since: Utc | None = None
    unreachable: bool = False
    addresses: tuple[Words, ...] = ()


class Machine(Model):
    """A control-plane Machine of openshift-machine-api. `state` is the provider's word for the instance ("running")."""

    name: Words
    node: Words = ""
    phase: Words = ""
    state: Words = ""


class EtcdPod(Model):
    """A pod of openshift-etcd with k8s-app=etcd. `reason` is why a container of it waits ("CrashLoopBackOff")."""

    name: Words
    node: Words = ""
    phase: Words = ""
    ready: bool = False
    restarts: int = 0
    reason: Words = ""


class OpenShiftCluster(Model):
    """What the API told one host. `nodes` and `machines` are those of the control plane only, as surveys travel with a
    state machine's state, whose size is limited.

    `version` is status.desired of the ClusterVersion ("4.18.12"), `progressing` its condition; `members_available` the
    condition EtcdMembersAvailable with its message. `guard_off`: etcd is told to accept an unsafe number of members.
    `machine_set` is the state of the ControlPlaneMachineSet, "" without one. `proxy`: the cluster has one; its URL may
    hold a password and is not kept. `unanswered` are questions that failed.
    """

    version: Words = ""
    progressing: Words = ""
    created_at: Utc | None = None
    topology: Words = ""
    platform: Words = ""
    infrastructure: Words = ""
    operators: tuple[Operator, ...] = ()
    encryption: tuple[Encryption, ...] = ()
    proxy: bool = False
    members_available: Words = ""
    members_message: Words = ""
    guard_off: bool = False
    nodes: tuple[ClusterNode, ...] = ()
    machines: tuple[Machine, ...] = ()
    machine_set: Words = ""
    etcd_pods: tuple[EtcdPod, ...] = ()
    unanswered: Lines = ()

    def operator(self, name: str) -> Operator | None:
        return next((each for each in self.operators if each.name == name), None)


class OpenShiftHost(Model):
    """What lies on one control-plane host. `scripts` are the names of the vendor's in /usr/local/bin, `generation` what
    they amount to, None where there is no cluster-backup.sh. `data_entries` is what /var/lib/etcd holds, dot files too;
    `saved_before`: /var/lib/etcd-backup holds what an earlier restore replaced, which a second one deletes.
    `raft_index` is maxRaftIndex of revision.json, 0 without one. Images are those of etcd and of the API server, by
    digest: two releases do not share both. `manifests` are the file names in the static pod folder."""

    generation: Generation | None = None
    scripts: tuple[Words, ...] = ()
    can_force: bool = False
    has_oc: bool = False
    etcd_image: Words = ""
    apiserver_image: Words = ""
    data_entries: tuple[Words, ...] = ()
    saved_before: bool = False
    raft_index: int = Field(default=0, ge=0)
    manifests: tuple[Words, ...] = ()


class OpenShiftView(Model):
    """`cluster` is None when this host's API server told nothing; `silence` is why."""

    host: OpenShiftHost
    cluster: OpenShiftCluster | None = None
    silence: Words = ""
