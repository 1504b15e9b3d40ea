"""Steps that a restore and the replacement of a member share: static pods stopped, data put aside, the quorum guard,
forced rollouts. Hosts are control-plane hosts; the API is asked through the one that is named `host`.
"""

from collections.abc import Sequence
from typing import Literal

from holdfast.drivers.restore import TaskNode
from holdfast.drivers.timeouts import OC_S, PODS_S, ROLLOUT_S, SLACK_S, STABLE_FOR_S, STABLE_S
from holdfast.facts.openshift_host import DATA_DIR
from holdfast.models.restore import ChangePhase, NodeCommand, RestoreStep

# Operators with static pods, by the names of their resources, in the order in which a restore has them roll out.
Kind = Literal["etcd", "kubeapiserver", "kubecontrollermanager", "kubescheduler"]


def kept(run_id: str) -> dict[str, str]:
    """Where a run notes things on a host and keeps what it replaced: on the file system of etcd's data, which a restart
    does not empty, as it does /tmp."""
    return {"keep": f"/var/lib/holdfast-old/{run_id}"}


def aside(run_id: str) -> dict[str, str]:
    """Beside the folder of static pods and never in it: kubelet runs whatever it finds there."""
    return {"aside": f"/etc/kubernetes/holdfast-{run_id}"}


def limit(seconds: int) -> dict[str, str]:
    return {"limit_s": str(seconds)}


def on(host: TaskNode, *parts: dict[str, str]) -> NodeCommand:
    values: dict[str, str] = {}
    for part in parts:
        values |= part
    return NodeCommand(node=host.node, values=values)


def stop_pods(
    run_id: str, hosts: Sequence[TaskNode], components: Sequence[str], *, name: str, phase: ChangePhase = "Shutdown"
) -> RestoreStep:
    """`components` are etcd, kube-apiserver, kube-controller-manager, kube-scheduler."""
    told = " and ".join(components)
    asked = {"components": " ".join(components)} | aside(run_id) | limit(PODS_S)
    return RestoreStep(
        name=name,
        phase=phase,
        title=f"Stop {told}, and see by crictl that nothing of it runs any more",
        script="openshift/stop_pod",
        commands=tuple(on(host, asked, {"node_name": host.name}) for host in hosts),
        timeout_s=PODS_S + SLACK_S,
        done_when="crictl shows no container of it",
        undo="openshift/put_pod_back",
    )


def put_data_aside(
    run_id: str, hosts: Sequence[TaskNode], *, name: str = "put-data-aside", phase: ChangePhase = "Shutdown"
) -> RestoreStep:
    return RestoreStep(
        name=name,
        phase=phase,
        title="Move etcd's data aside: this member will be filled by the others",
        script="openshift/put_data_aside",
        commands=tuple(on(host, kept(run_id), {"data_dir": DATA_DIR}) for host in hosts),
        timeout_s=2 * SLACK_S,
        done_when=f"{DATA_DIR} is empty, and what was in it is kept",
        undo="openshift/put_data_back",
    )


def guard_off(host: TaskNode, run_id: str, *, phase: ChangePhase = "RestartCluster") -> RestoreStep:
    """Its undo, in the phase that is taken back, turns the guard on only if it was this run that turned it off."""
    return RestoreStep(
        name="guard-off",
        phase=phase,
        title="Turn the quorum guard off: etcd's operator may deploy members although a quorum is at risk",
        script="openshift/guard_off",
        commands=(on(host, kept(run_id), limit(OC_S)),),
        timeout_s=OC_S + SLACK_S,
        done_when="etcd's resource has the override",
        undo="openshift/guard_put_back" if phase == "Shutdown" else "",
    )


def guard_on(host: TaskNode, run_id: str, *, phase: ChangePhase = "RestartCluster") -> RestoreStep:
    return RestoreStep(
        name="guard-on",
        phase=phase,
        title="Turn the quorum guard on again; overrides of other names stay",
        script="openshift/guard_on",
        commands=(on(host, kept(run_id), limit(OC_S)),),
        timeout_s=OC_S + SLACK_S,
        done_when="etcd's resource has the override no more",
    )


def redeploy(host: TaskNode, run_id: str, kind: Kind, *, phase: ChangePhase = "RestartCluster") -> RestoreStep:
    """The reason is the run's: asking again when the step is resumed is no second rollout."""
    return RestoreStep(
        name=f"redeploy-{kind}",
        phase=phase,
        title=f"Have {kind} rolled out anew on every node",
        script="openshift/redeploy",
        commands=(on(host, {"kind": kind, "reason": f"recovery-{run_id}"}, kept(run_id), limit(ROLLOUT_S)),),
        timeout_s=ROLLOUT_S + 2 * OC_S + SLACK_S,
        done_when="NodeInstallerProgressing says AllNodesAtLatestRevision, with one revision, newer than before",
    )


def wait_stable(host: TaskNode, *, phase: ChangePhase = "RestartCluster") -> RestoreStep:
    return RestoreStep(
        name="wait-stable",
        phase=phase,
        title="Wait until all cluster operators are stable",
        script="openshift/wait_stable",
        commands=(on(host, {"stable_s": str(STABLE_FOR_S)}, limit(STABLE_S)),),
        timeout_s=STABLE_S + 2 * SLACK_S,
        done_when=f"oc adm wait-for-stable-cluster saw all of them well for {STABLE_FOR_S // 60} minutes",
    )


def tidy(run_id: str, hosts: Sequence[TaskNode], *, stage: str = "") -> RestoreStep:
    """`stage` is where a pair was fetched to. What is aside after the operators wrote new manifests would tell the next
    change that this one is not over."""
    return RestoreStep(
        name="tidy",
        phase="Finished",
        title="Remove a fetched pair, which holds every Secret; keep manifests that were moved aside with the old data",
        script="openshift/tidy",
        commands=tuple(on(host, {"stage": stage}, aside(run_id), kept(run_id)) for host in hosts),
        timeout_s=2 * SLACK_S,
        done_when="nothing is left of a pair, nor aside where a new manifest is in place",
    )


def report() -> RestoreStep:
    return RestoreStep(
        name="report",
        phase="Finished",
        title="Store the report, tell the outcome, release the lease",
        timeout_s=SLACK_S,
        done_when="the outcome is told",
    )
