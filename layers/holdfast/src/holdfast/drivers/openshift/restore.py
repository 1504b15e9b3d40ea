"""What a restore does on OpenShift, in order: tables of contents. docs/drivers/openshift.md says from which fact of the
vendor's each command comes.

All that can be proven or fetched comes before anything stops: when the API servers are down, nothing is left but the
connections to the hosts. The first step with `no_return` runs the vendor's script; what comes before it is taken back.
"""

from collections.abc import Iterator

from holdfast.drivers.openshift import restore_steps as steps
from holdfast.drivers.openshift import shared_steps as shared
from holdfast.drivers.openshift.csr_steps import csr_steps
from holdfast.drivers.openshift.restore_values import OpenShiftTask, QuorumTask
from holdfast.models.restore import RestoreStep

_ROLLED_OUT: tuple[shared.Kind, ...] = ("etcd", "kubeapiserver", "kubecontrollermanager", "kubescheduler")


def restore_steps(task: OpenShiftTask) -> tuple[RestoreStep, ...]:
    """4.18 and later stop etcd alone, and let the operator bring the others back; before, all static pods of the
    control plane stop, and four components are rolled out anew. With one host there is nothing to bring back."""
    return (*_prepared(task), *_stopped(task), steps.cluster_restore(task), *_started(task), *_finished(task))


def _prepared(task: OpenShiftTask) -> Iterator[RestoreStep]:
    yield steps.check_hosts(task.hosts, steps.scripts_of(task), restored=task.recovery)
    yield steps.fetch(task)
    yield steps.fetch_bundle(task)
    yield steps.save_old(task)


def _stopped(task: OpenShiftTask) -> Iterator[RestoreStep]:
    """On the other hosts; on the recovery host the vendor's script does it."""
    if not task.others:
        return
    if task.generation == "4.18":
        yield steps.disable_etcd(task)
        return
    controllers = ("kube-controller-manager", "kube-scheduler")
    yield shared.stop_pods(task.run_id, task.others, ("etcd",), name="stop-etcd")
    yield shared.stop_pods(task.run_id, task.others, ("kube-apiserver",), name="stop-api")
    yield shared.stop_pods(task.run_id, task.others, controllers, name="stop-controllers")
    yield shared.put_data_aside(task.run_id, task.others)


def _started(task: OpenShiftTask) -> Iterator[RestoreStep]:
    if task.generation != "4.18":
        yield steps.restart_kubelets(task.hosts)
    pair = task.pair
    yield steps.etcd_alone(task.recovery, revision=pair.revision, size=pair.raw_size, old_cluster=task.old_cluster)
    yield steps.api_back(task.recovery, alone=bool(task.others) and task.generation != "4.18")
    # A node that is not Ready takes part in no rollout.
    yield from csr_steps(task.recovery.node, phase="RestartCluster")
    if task.others and task.guarded:
        yield shared.guard_off(task.recovery, task.run_id)
    if task.others and task.generation != "4.18":
        for kind in _ROLLED_OUT:
            yield shared.redeploy(task.recovery, task.run_id, kind)
    yield shared.wait_stable(task.recovery)
    if task.others and task.guarded:
        yield shared.guard_on(task.recovery, task.run_id)


def _finished(task: OpenShiftTask) -> Iterator[RestoreStep]:
    """Tidied up before anything that may fail for reasons of its own: the pair holds every Secret."""
    yield shared.tidy(task.run_id, task.hosts, stage=task.stage["stage"])
    yield from csr_steps(task.recovery.node, prefix="last-")
    yield steps.members_settled(task.recovery, len(task.hosts))
    yield steps.nodes_ready(task.recovery, task.hosts)
    yield steps.pods_back(task.recovery)
    yield shared.report()


def quorum_steps(task: QuorumTask) -> tuple[RestoreStep, ...]:
    """No backup: etcd goes on with the data of one member. The operator brings others back where there are sound hosts;
    lost ones are replaced afterwards, each by a run of its own, so that the cluster is not waited for here."""
    host = task.host
    return (
        steps.check_hosts((host,), steps.scripts_of_quorum(task), restored=host),
        shared.stop_pods(task.run_id, (host,), ("etcd",), name="stop-etcd"),
        steps.copy_data(task),
        steps.quorum_restore(task),
        steps.etcd_alone(host, revision=task.revision, size=task.raw_size),
        steps.api_back(host, alone=False),
        *csr_steps(host.node, wait=False),
        steps.nodes_ready(host, (host,)),
        steps.pods_back(host),
        shared.report(),
    )
