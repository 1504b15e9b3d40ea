"""The steps that bring a control plane back and look whether it is well; restore_steps.py has those before them."""

from holdfast.drivers.etcdctl import CONTAINER
from holdfast.drivers.kubeadm import restore_values as values
from holdfast.drivers.kubeadm.restore_facts import API, CONTROLLERS
from holdfast.drivers.kubeadm.restore_steps import Nodes, having, needed
from holdfast.drivers.timeouts import (
    API_READY_S,
    ETCD_READY_S,
    NODE_READY_S,
    PODS_S,
    SLACK_S,
    UNIT_S,
    snapshot_timeout_s,
)
from holdfast.models.restore import RestoreStep


def start_etcd(run_id: str, nodes: Nodes, *, name: str = "start-etcd") -> list[RestoreStep | None]:
    """Pods first: their step ends when they run, while a unit may wait for the quorum that they make."""
    pods, units = having(nodes, (CONTAINER,), wanted=True), [node for node in nodes if node.unit]
    step = RestoreStep(
        name=name,
        phase="RestartCluster",
        title="Start etcd" if len(nodes) == 1 else "Start etcd everywhere at once: it needs a quorum to become ready",
        script="start_pods",
        commands=tuple(values.on(each, values.pods(run_id, each, (CONTAINER,), wanted=True)) for each in pods),
        timeout_s=PODS_S + SLACK_S,
        done_when="the container named etcd runs",
    )
    unit = step.model_copy(
        update={
            "name": f"{name}-units" if pods else name,
            "script": "start_unit",
            "commands": tuple(values.on(each, values.unit(each)) for each in units),
            "timeout_s": UNIT_S + SLACK_S,
            "done_when": "systemd says that the unit is active",
        }
    )
    return [needed(step), needed(unit)]


def etcd_ready(nodes: Nodes, *, voters: int, at: int, name: str = "etcd-ready") -> RestoreStep | None:
    return needed(
        RestoreStep(
            name=name,
            phase="RestartCluster",
            title=f"Wait until etcd is healthy with {voters} voting member{'s' if voters > 1 else ''}; compare data",
            script="etcd_ready",
            commands=tuple(
                values.on(each, values.ready(each, voters=voters, asked=len(nodes), at=at)) for each in nodes
            ),
            timeout_s=ETCD_READY_S + SLACK_S,
            done_when="every member is healthy, follows the same leader, and has the same HashKV",
            agree=("one-leader", "same-hash"),
        )
    )


def count_keys(nodes: Nodes, *, at: int, size: int) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="count-keys",
            phase="RestartCluster",
            title="Count the objects of each resource",
            script="count_keys",
            commands=tuple(values.on(each, values.access(each), {"at": str(at)}) for each in nodes[:1]),
            timeout_s=snapshot_timeout_s(size),
            done_when="there are as many of each resource as in the backup",
            agree=("same-counts",),
        )
    )


def start_api(run_id: str, nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="start-api",
            phase="RestartCluster",
            title="Start the API servers, one after the other",
            script="start_api",
            commands=tuple(
                values.on(each, values.api_start(run_id, each, API)) for each in having(nodes, (API,), wanted=True)
            ),
            one_by_one=True,
            timeout_s=PODS_S + API_READY_S + SLACK_S,
            done_when="/readyz answers ok",
        )
    )


def start_controllers(run_id: str, nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="start-controllers",
            phase="RestartCluster",
            title="Start the controllers and schedulers",
            script="start_pods",
            commands=tuple(
                values.on(each, values.pods(run_id, each, CONTROLLERS, wanted=True))
                for each in having(nodes, CONTROLLERS, wanted=True)
            ),
            timeout_s=PODS_S + SLACK_S,
            done_when="their containers run",
        )
    )


def restart_kubelet(nodes: Nodes, *, name: str = "restart-kubelet", title: str = "") -> RestoreStep | None:
    return needed(
        RestoreStep(
            name=name,
            phase="RestartCluster",
            title=title or "Restart the kubelets: they have watched a future that is gone",
            script="restart_kubelet",
            commands=tuple(values.on(each, {"limit_s": str(SLACK_S)}) for each in nodes if each.kubelet),
            timeout_s=2 * SLACK_S,
            done_when="systemd says that kubelet is active",
        )
    )


def node_ready(nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="node-ready",
            phase="Finished",
            title="See that the nodes are Ready and renew their leases",
            script="node_ready",
            commands=tuple(
                values.on(each, values.api(each), {"node_name": each.name, "limit_s": str(NODE_READY_S)})
                for each in nodes
                if each.kubelet and each.apiserver
            ),
            timeout_s=NODE_READY_S + SLACK_S,
            done_when="the node is Ready and its lease was renewed while it was looked at",
        )
    )


def write_watch(run_id: str, nodes: Nodes) -> RestoreStep | None:
    able = [node for node in nodes if node.apiserver][:1]
    return needed(
        RestoreStep(
            name="write-watch",
            phase="Finished",
            title="Write an object through the API, see it in a watch, and remove it",
            script="write_watch",
            commands=tuple(
                values.on(each, values.api(each), {"run": run_id, "limit_s": str(API_READY_S)}) for each in able
            ),
            timeout_s=API_READY_S + SLACK_S,
            done_when="the watch showed the object",
        )
    )


def tidy(run_id: str, nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="tidy",
            phase="Finished",
            title="Remove the fetched snapshot and what was unpacked of it; the old data stay",
            script="forget_new",
            commands=tuple(values.on(each, values.places(run_id, each)) for each in nodes),
            timeout_s=2 * SLACK_S,
            done_when="nothing of ours is left beside the old data",
        )
    )


def report() -> RestoreStep:
    return RestoreStep(
        name="report",
        phase="Finished",
        title="Store the report, tell the outcome, release the lease",
        timeout_s=SLACK_S,
        done_when="the outcome is told",
    )
