"""What a restore of OpenShift is told, and the variables of its scripts (node/restore/openshift/)."""

from dataclasses import dataclass

from holdfast.drivers import etcdctl
from holdfast.drivers.restore import TaskNode
from holdfast.facts.openshift_host import DATA_DIR
from holdfast.models.backup import Compression
from holdfast.models.openshift import Generation

BACKUP_DIR = "/var/lib/etcd-backup"
# Where disable-etcd.sh and cluster-restore.sh park manifests.
STOPPED_DIR = "/home/core/assets/manifests-stopped"
# What cluster-restore.sh prints when it has come to its end, by the first generation of scripts that says so.
_STARTS_ETCD = "starting restore-etcd static pod"
_STARTS_API = "starting kube-apiserver-pod.yaml"


@dataclass(frozen=True)
class RestoredPair:
    """A backup as the vendor's script wants it. `stamp` is its moment in the vendor's form, the same in both names.
    `revision` is the database's, which the restored one is never behind. Sizes are bytes."""

    stamp: str
    sha256: str
    raw_size: int
    compression: Compression
    bundle_sha256: str
    revision: int

    @property
    def names(self) -> dict[str, str]:
        return {"snapshot": f"snapshot_{self.stamp}.db", "bundle": f"static_kuberesources_{self.stamp}.tar.gz"}


@dataclass(frozen=True)
class OpenShiftTask:
    """`recovery` is the host that the restore runs on, `others` the rest of the control plane. `generation` is that of
    the scripts on all of them. `guarded`: the quorum guard has to be turned off meanwhile. `old_cluster` is the id of
    the etcd cluster that still answered, "" when nobody did, and before 4.18: whether those scripts make a fresh token
    for the restored one is not known."""

    run_id: str
    generation: Generation
    recovery: TaskNode
    others: tuple[TaskNode, ...]
    pair: RestoredPair
    guarded: bool
    old_cluster: str = ""

    @property
    def hosts(self) -> tuple[TaskNode, ...]:
        return (self.recovery, *self.others)

    @property
    def stage(self) -> dict[str, str]:
        """A directory that has nothing but the pair: the vendor's script takes the last of each by its name."""
        return {"stage": f"/home/core/holdfast-{self.run_id}"} | self.pair.names


@dataclass(frozen=True)
class QuorumTask:
    """`host` has the newest data that are left; `revision` is what its member told, or 0."""

    run_id: str
    host: TaskNode
    raw_size: int
    revision: int = 0


def access(host: TaskNode) -> dict[str, str]:
    """How a host's own member is asked."""
    return etcdctl.access(host.member) if host.member else {}


def success(generation: Generation) -> dict[str, str]:
    return {"success": _STARTS_ETCD if generation == "4.18" else _STARTS_API}


def data() -> dict[str, str]:
    return {"data_dir": DATA_DIR}
