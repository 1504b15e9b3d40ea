"""The steps of a restore of OpenShift that a replacement has not. Each runs one script of node/restore/openshift/.

Every step before the one with `no_return` leaves nothing or names its undo; old data are moved aside, never removed.
"""

from collections.abc import Sequence

from holdfast.drivers.openshift import restore_values as values
from holdfast.drivers.openshift.restore_values import OpenShiftTask, QuorumTask
from holdfast.drivers.openshift.shared_steps import aside, kept, limit, on
from holdfast.drivers.restore import TaskNode
from holdfast.drivers.timeouts import (
    API_READY_S,
    NODE_READY_S,
    PODS_BACK_S,
    PODS_S,
    RESTORE_POD_S,
    ROLLOUT_S,
    SLACK_S,
    VENDOR_S,
    snapshot_timeout_s,
)
from holdfast.models.restore import RestoreStep

_RESTORE, _DISABLE, _QUORUM = "cluster-restore.sh", "disable-etcd.sh", "quorum-restore.sh"
# By hand nothing is downloaded: a person has put it there (planning/runbook_prepare.py), the archive unpacked.
_SNAPSHOT_BY_HAND = """make_stage
if [ ! -f "$stage/$snapshot" ] || ! snapshot_is "$stage/$snapshot" "$sha256"; then
    snapshot_is /root/holdfast/snapshot.db "$sha256" ||
        give_up restore_snapshot_differs "/root/holdfast/snapshot.db does not have the SHA-256 $sha256"
    cp /root/holdfast/snapshot.db "$stage/$snapshot" || give_up restore_disk_full "$stage cannot be written"
fi
rm -rf "$stage.part"
result "{\\"bytes\\":$(wc -c <"$stage/$snapshot")}"
"""
_BUNDLE_BY_HAND = """make_stage
if [ ! -f "$stage/$bundle" ]; then
    gzip -c /root/holdfast/bundle.tar >"$stage.part/bundle" && mv "$stage.part/bundle" "$stage/$bundle" ||
        give_up restore_disk_full "$stage/$bundle cannot be written"
fi
rm -rf "$stage.part"
need_whole_archive
need_one_pair
result "{\\"files\\":$files}"
"""


def check_hosts(hosts: Sequence[TaskNode], scripts: dict[str, tuple[str, ...]], *, restored: TaskNode) -> RestoreStep:
    """`scripts` are the vendor's that each host, by its node's name, needs. Only where they restore, `restored`, other
    files among the data are in the way: hosts that joined again keep archives of their former members there."""

    def looked_at(host: TaskNode) -> dict[str, str]:
        return values.data() if host.node == restored.node else dict.fromkeys(values.data(), "")

    return RestoreStep(
        name="check-hosts",
        phase="Shutdown",
        title="See that every host answers as root, has the vendor's scripts, and no stray files where it restores",
        script="openshift/check_host",
        commands=tuple(on(host, looked_at(host), {"scripts": " ".join(scripts[host.node])}) for host in hosts),
        timeout_s=2 * SLACK_S,
        done_when="each of them said so",
    )


def scripts_of(task: OpenShiftTask) -> dict[str, tuple[str, ...]]:
    needed: dict[str, tuple[str, ...]] = {task.recovery.node: (_RESTORE,)}
    return needed | {host.node: (_DISABLE,) if task.generation == "4.18" else () for host in task.others}


def fetch(task: OpenShiftTask) -> RestoreStep:
    pair = task.pair
    told = {"sha256": pair.sha256, "raw_size": str(pair.raw_size), "compression": pair.compression}
    return RestoreStep(
        name="fetch",
        phase="Shutdown",
        title="Fetch the snapshot to the recovery host, and check its hash there, before anything stops",
        script="openshift/fetch",
        commands=(on(task.recovery, task.stage, told),),
        grant="snapshot",
        timeout_s=snapshot_timeout_s(pair.raw_size),
        done_when="the file's hash is the one at its own end, and the manifest's",
        undo="openshift/forget",
        by_hand=_SNAPSHOT_BY_HAND,
    )


def fetch_bundle(task: OpenShiftTask) -> RestoreStep:
    told = {"bundle_sha256": task.pair.bundle_sha256, "compression": "gzip"}
    return RestoreStep(
        name="fetch-bundle",
        phase="Shutdown",
        title="Fetch the archive of static resources that belongs to it",
        script="openshift/fetch_bundle",
        commands=(on(task.recovery, task.stage, told),),
        grant="bundle",
        timeout_s=snapshot_timeout_s(0),
        done_when="its hash is the manifest's, all four components are in it, and the directory has one pair",
        undo="openshift/forget",
        by_hand=_BUNDLE_BY_HAND,
    )


def save_old(task: OpenShiftTask) -> RestoreStep:
    return RestoreStep(
        name="save-old",
        phase="Shutdown",
        title="Move aside what an earlier restore replaced: the vendor's script would delete it",
        script="openshift/save_old",
        commands=(on(task.recovery, kept(task.run_id), {"backup_dir": values.BACKUP_DIR}),),
        timeout_s=2 * SLACK_S,
        done_when=f"{values.BACKUP_DIR} has no data of another time",
        undo="openshift/put_old_back",
    )


def disable_etcd(task: OpenShiftTask) -> RestoreStep:
    told = kept(task.run_id) | {"stopped_dir": values.STOPPED_DIR} | limit(2 * PODS_S)
    return RestoreStep(
        name="disable-etcd",
        phase="Shutdown",
        title="Stop etcd on the other hosts by disable-etcd.sh, and see by crictl that it is gone",
        script="openshift/disable_etcd",
        commands=tuple(on(host, told, {"node_name": host.name}) for host in task.others),
        timeout_s=4 * PODS_S + SLACK_S,
        done_when="crictl shows no container of it",
        undo="openshift/enable_etcd",
    )


def cluster_restore(task: OpenShiftTask) -> RestoreStep:
    told = {"sha256": task.pair.sha256, "backup_dir": values.BACKUP_DIR} | values.success(task.generation)
    seconds = VENDOR_S + snapshot_timeout_s(task.pair.raw_size)
    return RestoreStep(
        name="cluster-restore",
        phase="Restore",
        title="Run cluster-restore.sh on the pair, under a deadline",
        script="openshift/cluster_restore",
        commands=(
            on(task.recovery, task.stage, kept(task.run_id), told, {"node_name": task.recovery.name}, limit(seconds)),
        ),
        timeout_s=seconds + 2 * SLACK_S,
        done_when="the script has ended well, with the line that says so",
        no_return=True,
    )


def restart_kubelets(hosts: Sequence[TaskNode]) -> RestoreStep:
    return RestoreStep(
        name="restart-kubelets",
        phase="RestartCluster",
        title="Restart the kubelets: they have watched a future that is gone",
        script="restart_kubelet",
        commands=tuple(on(host, limit(SLACK_S)) for host in hosts),
        timeout_s=2 * SLACK_S,
        done_when="systemd says that kubelet is active",
    )


def etcd_alone(host: TaskNode, *, revision: int, size: int, old_cluster: str = "") -> RestoreStep:
    """A restored database is copied once more by the pod that starts it."""
    seconds = RESTORE_POD_S + snapshot_timeout_s(size)
    told = {"revision": str(revision), "old_cluster": old_cluster}
    return RestoreStep(
        name="etcd-alone",
        phase="RestartCluster",
        title="Wait until etcd is healthy as a cluster of one member, and hold its revision against the backup's",
        script="openshift/etcd_alone",
        commands=(on(host, values.access(host), told, limit(seconds)),),
        timeout_s=seconds + SLACK_S,
        done_when="one container and one member run, of a new cluster, and at no older revision",
    )


def api_back(host: TaskNode, *, alone: bool) -> RestoreStep:
    """`alone`: the others' etcd pods have to be gone from what the API shows."""
    shown = ", and shows one etcd pod, which runs" if alone else ""
    return RestoreStep(
        name="api-back",
        phase="RestartCluster",
        title="Wait until the API server answers",
        script="openshift/api_back",
        commands=(on(host, {"alone": "1" if alone else ""}, limit(2 * API_READY_S)),),
        timeout_s=2 * API_READY_S + SLACK_S,
        done_when=f"/readyz answers ok{shown}",
    )


def members_settled(host: TaskNode, voters: int) -> RestoreStep:
    """The same script as of a replacement."""
    return RestoreStep(
        name="members-settled",
        phase="Finished",
        title="See that every etcd pod is Ready, at one revision, and that the operator counts all members",
        script="openshift/members_settled",
        commands=(on(host, values.access(host), {"voters": str(voters)}, limit(ROLLOUT_S)),),
        timeout_s=ROLLOUT_S + SLACK_S,
        done_when="EtcdMembersAvailable is True, and all nodes are at one and the newest revision",
    )


def nodes_ready(host: TaskNode, hosts: Sequence[TaskNode]) -> RestoreStep:
    return RestoreStep(
        name="nodes-ready",
        phase="Finished",
        title="See that the nodes of the control plane are Ready",
        script="openshift/nodes_ready",
        commands=(on(host, {"node_names": " ".join(each.name for each in hosts)}, limit(NODE_READY_S)),),
        timeout_s=NODE_READY_S + SLACK_S,
        done_when="each of them is Ready",
    )


def pods_back(host: TaskNode) -> RestoreStep:
    return RestoreStep(
        name="pods-back",
        phase="Finished",
        title="See that the pods of the whole cluster are back, and tell of those that are not",
        script="openshift/pods_back",
        commands=(on(host, limit(PODS_BACK_S)),),
        timeout_s=PODS_BACK_S + 2 * SLACK_S,
        done_when="no pod is still to start, or the time is over: then the outcome names them",
    )


def copy_data(task: QuorumTask) -> RestoreStep:
    return RestoreStep(
        name="copy-data",
        phase="Shutdown",
        title="Copy the data that are left, as they are",
        script="openshift/copy_data",
        commands=(on(task.host, kept(task.run_id), values.data()),),
        timeout_s=snapshot_timeout_s(task.raw_size),
        done_when="the copy is whole and on the disk",
        undo="openshift/forget_copy",
    )


def quorum_restore(task: QuorumTask) -> RestoreStep:
    told = kept(task.run_id) | aside(task.run_id) | {"node_name": task.host.name} | limit(VENDOR_S)
    return RestoreStep(
        name="quorum-restore",
        phase="Restore",
        title="Run quorum-restore.sh, under a deadline: a cluster of this one member, with the data that it has",
        script="openshift/quorum_restore",
        commands=(on(task.host, told),),
        timeout_s=VENDOR_S + 2 * SLACK_S,
        done_when="the script has ended well, with the line that says so",
        no_return=True,
    )


def scripts_of_quorum(task: QuorumTask) -> dict[str, tuple[str, ...]]:
    return {task.host.node: (_QUORUM,)}
