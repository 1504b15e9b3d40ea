"""The steps by which a member leaves the list and another one joins: always as a learner, which has no vote until it
has all data. Each of the three that change the list counts the healthy voters on the node just before it acts."""

from holdfast.drivers.kubeadm import restore_values as values
from holdfast.drivers.restore import TaskNode
from holdfast.drivers.timeouts import ETCD_READY_S, SLACK_S
from holdfast.models.restore import ChangePhase, RestoreStep


def remove_member(helper: TaskNode, name: str, member_id: str, tally: str) -> RestoreStep:
    gone = {"name": name, "member_id": member_id, "limit_s": str(ETCD_READY_S)}
    return RestoreStep(
        name="remove-member",
        phase="Restore",
        title=f"Take {name or member_id} off the list of members ({tally})",
        script="remove_member",
        commands=(values.on(helper, values.access(helper), gone),),
        timeout_s=ETCD_READY_S + SLACK_S,
        done_when="the member list has it no more",
        no_return=True,
    )


def add_learner(
    helper: TaskNode, new: TaskNode, tally: str, *, name: str, phase: ChangePhase = "RestartCluster"
) -> RestoreStep:
    return RestoreStep(
        name=name,
        phase=phase,
        title=f"Add {new.name} to the list of members as a learner ({tally})",
        script="add_learner",
        commands=(values.on(helper, values.access(helper), values.joining(new), {"limit_s": str(ETCD_READY_S)}),),
        timeout_s=ETCD_READY_S + SLACK_S,
        done_when="the member list has it as a learner",
    )


def join_files(run_id: str, new: TaskNode, initial_cluster: str, *, name: str) -> RestoreStep:
    places = values.places(run_id, new) | values.aside(run_id, new)
    return RestoreStep(
        name=name,
        phase="RestartCluster",
        title=f"Tell the etcd of {new.name} by its manifest to join a cluster that exists",
        script="join_files",
        commands=(values.on(new, places, {"initial_cluster": initial_cluster}),),
        timeout_s=SLACK_S,
        done_when="its manifest names all members and --initial-cluster-state=existing",
    )


def promote(helper: TaskNode, new: TaskNode, size: int, tally: str, *, name: str) -> RestoreStep:
    limit = values.copy_s(size)
    return RestoreStep(
        name=name,
        phase="RestartCluster",
        title=f"Give {new.name} its vote when it has all data ({tally})",
        script="promote",
        commands=(
            values.on(helper, values.access(helper), {"name": values.joining(new)["name"], "limit_s": str(limit)}),
        ),
        timeout_s=limit + SLACK_S,
        done_when="the member list has it as a voting member",
    )
