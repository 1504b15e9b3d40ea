"""The steps by which a member of OpenShift's etcd is replaced; None when one is not needed.

Each that changes something asks once more, just before it acts, whether it still may: hours may pass between a plan and
its approval.
"""

from holdfast.drivers.openshift.member_values import MemberTask, secrets
from holdfast.drivers.openshift.restore_values import access
from holdfast.drivers.openshift.shared_steps import kept, limit, on
from holdfast.drivers.timeouts import ETCD_READY_S, OC_S, ROLLOUT_S, SLACK_S, snapshot_timeout_s
from holdfast.models.restore import RestoreStep

# A provider may take long to end an instance that does not answer, and a machine is installed, restarted, and joins.
MACHINE_GONE_S = 30 * 60
MACHINE_READY_S = 60 * 60
# How long the operator is given to begin by itself.
PATIENCE_S = 10 * 60
ASK_S = 120


def still_lost(task: MemberTask) -> RestoreStep:
    told = {"member_id": task.member_id, "node_name": task.name, "corrupt": "1" if task.corrupt else ""}
    ready = {"node_wanted": "ready" if task.way == "same-node" else "lost"}
    return RestoreStep(
        name="still-lost",
        phase="Shutdown",
        title=f"See that the member of {task.name} did not come back meanwhile, and that the others can do without it",
        script="openshift/still_lost",
        commands=(on(task.helper, access(task.helper), told, ready, limit(ASK_S)),),
        timeout_s=3 * ASK_S,
        done_when="it does not answer, and enough of the others do",
    )


def save_machine(task: MemberTask) -> RestoreStep:
    return RestoreStep(
        name="save-machine",
        phase="Shutdown",
        title=f"Write the manifest of the Machine {task.new_machine}: that of {task.machine}, without what was its own",
        script="openshift/save_machine",
        commands=(on(task.helper, _machines(task), limit(ASK_S)),),
        timeout_s=2 * ASK_S,
        done_when="the manifest has the old one's labels and spec, and no providerID",
        undo="openshift/forget_machine",
    )


def remove_member(task: MemberTask) -> RestoreStep | None:
    if not task.member_id:
        return None
    # A run that stopped behind `still_lost` may be resumed when the member is back.
    gone = {"name": task.name, "member_id": task.member_id, "lost": "" if task.corrupt else "1"}
    return RestoreStep(
        name="remove-member",
        phase="Restore",
        title=f"Take {task.name} off the list of members ({task.tallies[0]})",
        script="remove_member",
        commands=(on(task.helper, access(task.helper), gone, limit(ETCD_READY_S)),),
        timeout_s=ETCD_READY_S + SLACK_S,
        done_when="the member list has it no more",
        no_return=True,
    )


def delete_secrets(task: MemberTask) -> RestoreStep:
    return RestoreStep(
        name="delete-secrets",
        phase="Restore",
        title=f"Delete the three secrets with the certificates of {task.name}'s member ({task.tallies[1]})",
        script="openshift/delete_secrets",
        commands=(on(task.helper, kept(task.run_id), {"secrets": secrets(task.name)}, limit(OC_S)),),
        timeout_s=3 * OC_S,
        done_when="none of the three that there were is there any more",
        no_return=True,
    )


def delete_machine(task: MemberTask) -> RestoreStep | None:
    """With a ControlPlaneMachineSet the old one may wait for the new one."""
    if not task.machine:
        return None
    alone = task.way == "machine"
    done = "the API has it no more" if alone else "its deletion was asked for"
    told = _machines(task) | {"gone": "1" if alone else ""}
    return RestoreStep(
        name="delete-machine",
        phase="Restore",
        title=f"Delete the Machine {task.machine}, and its instance with it",
        script="openshift/delete_machine",
        commands=(on(task.helper, told, limit(MACHINE_GONE_S)),),
        timeout_s=2 * MACHINE_GONE_S + ASK_S,
        done_when=done,
        no_return=True,
    )


def create_machine(task: MemberTask) -> RestoreStep:
    return RestoreStep(
        name="create-machine",
        phase="RestartCluster",
        title=f"Create the Machine {task.new_machine}, and wait for its node",
        script="openshift/create_machine",
        commands=(on(task.helper, _machines(task), limit(MACHINE_READY_S)),),
        timeout_s=MACHINE_READY_S + ASK_S,
        done_when="the Machine is Running and its node Ready",
    )


def await_machine(task: MemberTask) -> RestoreStep:
    """A person is waited for as little as in `await_host`."""
    limit_s = ASK_S if task.instructions else MACHINE_READY_S + MACHINE_GONE_S
    names = {"machine": task.machine, "known": " ".join(task.known), "instructions": task.instructions}
    who = "a person" if task.instructions else "the ControlPlaneMachineSet"
    return RestoreStep(
        name="await-machine",
        phase="RestartCluster",
        title=f"Wait for the Machine that {who} makes, and for its node",
        script="openshift/await_machine",
        commands=(on(task.helper, names, limit(limit_s)),),
        timeout_s=limit_s + ASK_S,
        done_when="a Machine that was not there before is Running, its node Ready, and the old one gone",
    )


def await_host(task: MemberTask) -> RestoreStep:
    """It waits for nobody for long: the run stops with what has to be done, and goes on when it is resumed."""
    told = {"node_name": task.name, "instructions": task.instructions}
    return RestoreStep(
        name="await-host",
        phase="RestartCluster",
        title=f"See that a person has brought the host {task.name} back; stop with what has to be done until then",
        script="openshift/await_host",
        commands=(on(task.helper, told, limit(ASK_S)),),
        timeout_s=2 * ASK_S,
        done_when="its node is Ready",
    )


def rejoin(task: MemberTask) -> RestoreStep:
    """A sound node has nothing that would make the operator begin."""
    patience = {"patience_s": "0" if task.way == "same-node" else str(PATIENCE_S), "reason": f"holdfast-{task.run_id}"}
    limit_s = ROLLOUT_S + PATIENCE_S + snapshot_timeout_s(task.raw_size)
    return RestoreStep(
        name="rejoin",
        phase="RestartCluster",
        title=f"Wait until etcd has {task.voters} healthy voters; have it deployed anew if none comes",
        script="openshift/rejoin",
        commands=(
            on(
                task.helper,
                access(task.helper),
                {"voters": str(task.voters)},
                patience,
                limit(limit_s),
            ),
        ),
        timeout_s=limit_s + SLACK_S,
        done_when=f"{task.voters} voters are healthy",
    )


def members_settled(task: MemberTask) -> RestoreStep:
    return RestoreStep(
        name="members-settled",
        phase="Finished",
        title="See that every etcd pod is Ready, at one revision, and that the operator counts all members",
        script="openshift/members_settled",
        commands=(on(task.helper, access(task.helper), {"voters": str(task.voters)}, limit(ROLLOUT_S)),),
        timeout_s=ROLLOUT_S + SLACK_S,
        done_when="EtcdMembersAvailable is True, and all nodes are at one and the newest revision",
    )


def _machines(task: MemberTask) -> dict[str, str]:
    return kept(task.run_id) | {"machine": task.machine, "new_machine": task.new_machine}
