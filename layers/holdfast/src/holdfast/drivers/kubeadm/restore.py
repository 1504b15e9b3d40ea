"""What a restore does on kubeadm's nodes, in order: a table of contents.

API servers stop before etcd, and all of both before anything is restored (a member of the old cluster that went on
would serve the old data). The first step with `no_return` is `swap`: what comes before it is taken back.
"""

from collections.abc import Iterable, Sequence

from holdfast.drivers.kubeadm import restart_steps as restart
from holdfast.drivers.kubeadm import restore_steps as restore
from holdfast.drivers.kubeadm.join_steps import add_learner, join_files, promote, remove_member
from holdfast.drivers.kubeadm.restore_values import initial_cluster
from holdfast.drivers.restore import ReplaceTask, RestoreTask, TaskNode
from holdfast.models.restore import RestoreStep

Found = Iterable[RestoreStep | None]
_NEW_KUBELET = "Restart the kubelets: they take the files that were just put into place"


def restore_steps(task: RestoreTask) -> tuple[RestoreStep, ...]:
    members = [node for node in task.nodes if node.member]
    control = [node for node in task.nodes if node.apiserver or node.wanted]
    if task.mode == "one-first":
        return _kept(
            [
                *_shutdown(task.run_id, task.nodes),
                *_restored(task, members[:1], members[:1]),
                restore.put_aside(task.run_id, members[1:]),
                *restart.start_etcd(task.run_id, members[:1]),
                _ready(task, members[:1]),
                *_joined(task, members),
                *_restarted(task, members, control),
            ]
        )
    return _kept(
        [
            *_shutdown(task.run_id, task.nodes),
            *_restored(task, members, members),
            *restart.start_etcd(task.run_id, members),
            _ready(task, members),
            *_restarted(task, members, control),
        ]
    )


def _shutdown(run_id: str, nodes: Sequence[TaskNode]) -> Found:
    return [restore.stop_api(run_id, nodes), *restore.stop_etcd(run_id, nodes)]


def _restored(task: RestoreTask, nodes: Sequence[TaskNode], members: Sequence[TaskNode]) -> Found:
    files = [node for node in task.nodes if node.bundle] if task.mode in ("full", "new-hosts") else []
    return [
        restore.fetch(task, nodes),
        restore.rebuild(task, nodes, members),
        restore.fetch_bundle(task.run_id, files),
        restore.swap_files(task.run_id, files),
        restore.swap(task.run_id, nodes),
        restart.restart_kubelet(files, name="start-kubelet", title=_NEW_KUBELET),
    ]


def _ready(task: RestoreTask, members: Sequence[TaskNode], name: str = "etcd-ready") -> RestoreStep | None:
    return restart.etcd_ready(members, voters=len(members), at=task.revision + task.bump, name=name)


def _joined(task: RestoreTask, members: Sequence[TaskNode]) -> Found:
    """The others, one after the other. `tally` counts voters: a learner is none, so adding one risks nothing."""
    first, steps = members[0], []
    for number, new in enumerate(members[1:], start=2):
        voters = number - 1
        steps += [
            add_learner(first, new, f"{voters} voting stay", name=f"add-learner-{number}"),
            join_files(task.run_id, new, initial_cluster(members[:number]), name=f"join-files-{number}"),
            *restart.start_etcd(task.run_id, [new], name=f"start-etcd-{number}"),
            promote(first, new, task.raw_size, f"{number} voting then", name=f"promote-{number}"),
            _ready(task, members[:number], name=f"etcd-ready-{number}"),
        ]
    return steps


def _restarted(task: RestoreTask, members: Sequence[TaskNode], control: Sequence[TaskNode]) -> Found:
    return [
        restart.count_keys(members, at=task.revision + task.bump, size=task.raw_size),
        restart.start_api(task.run_id, control),
        restart.start_controllers(task.run_id, control),
        restart.restart_kubelet(task.nodes),
        # Before anything that may fail for reasons of its own: what was fetched holds every Secret in plain text.
        restart.tidy(task.run_id, [node for node in task.nodes if node.member or node.bundle]),
        restart.node_ready(control),
        restart.write_watch(task.run_id, control),
        restart.report(),
    ]


def replace_steps(task: ReplaceTask) -> tuple[RestoreStep, ...]:
    """Of one member: its node's API server first, as it asks that member. The others go on all the time."""
    alone = [task.node]
    before, removed, promoted = task.tallies
    layout = task.node.member
    files = [task.node] if task.node.bundle else []
    return _kept(
        [
            *_shutdown(task.run_id, alone),
            restore.fetch_bundle(task.run_id, files),
            restore.swap_files(task.run_id, files),
            remove_member(task.helper, layout.name if layout else "", task.member_id, before)
            if task.member_id
            else None,
            restore.put_aside(task.run_id, alone),
            restart.restart_kubelet(files, name="start-kubelet", title=_NEW_KUBELET),
            add_learner(task.helper, task.node, removed, name="add-learner"),
            join_files(task.run_id, task.node, task.initial_cluster, name="join-files"),
            *restart.start_etcd(task.run_id, alone),
            promote(task.helper, task.node, task.raw_size, promoted, name="promote"),
            restart.etcd_ready([*task.others, task.node], voters=task.voters, at=0),
            restart.start_api(task.run_id, alone),
            restart.start_controllers(task.run_id, alone),
            restart.tidy(task.run_id, alone),
            restart.node_ready(alone),
            restart.write_watch(task.run_id, alone),
            restart.report(),
        ]
    )


def _kept(steps: Found) -> tuple[RestoreStep, ...]:
    return tuple(step for step in steps if step is not None)
