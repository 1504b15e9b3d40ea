"""From what was seen of a node to its part in a restore."""

from holdfast.drivers.restore import RestoreDriver, TaskNode
from holdfast.models.node import NodeSurvey
from holdfast.models.restore import PodFile, RestoreFacts, RestoreMode
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen, expected

# Where a node without a member keeps what is fetched for it: beside this path, as everywhere else.
DATA_DIR = "/var/lib/etcd"
# The only static pods that are ever stopped: others, as the one that holds the API's address, go on.
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
WITH_FILES: tuple[RestoreMode, ...] = ("full", "new-hosts")


def restore_nodes(
    driver: RestoreDriver, seen: RestoreSeen, backup: ChosenBackup, mode: RestoreMode
) -> tuple[TaskNode, ...]:
    """In the order of the surveys; every node gets a part, workers too: their kubelets are restarted."""
    return tuple(_restored(driver, survey, seen, backup, mode) for survey in seen.surveys)


def _restored(
    driver: RestoreDriver, survey: NodeSurvey, seen: RestoreSeen, backup: ChosenBackup, mode: RestoreMode
) -> TaskNode:
    """Workers keep their files: a restore is of the control plane."""
    shape = expected(mode, survey, backup)
    files = mode in WITH_FILES and shape.topology != "none" and backup.bundle_of(survey.node) is not None
    return task_node(driver, shape, seen.facts.get(survey.node, RestoreFacts(kubelet=False)), backup if files else None)


def task_node(driver: RestoreDriver, survey: NodeSurvey, facts: RestoreFacts, files: ChosenBackup | None) -> TaskNode:
    """`files` is the backup whose bundle the node gets, None for a node that keeps its files."""
    there = tuple(pod for pod in facts.pods if pod.container in CONTROL_PLANE)
    etcd, bundle = survey.etcd, files.bundle_of(survey.node) if files else None
    assumed = driver.assumed_facts(survey, "").pods if bundle else ()
    in_host = etcd is not None and not etcd.container
    return TaskNode(
        node=survey.node,
        name=survey.node_name or (etcd.name if etcd and etcd.container else survey.hostname.lower()),
        odd_name="" if survey.node_name in _host_names(survey) else survey.node_name,
        data_dir=etcd.host_data_dir if etcd else DATA_DIR,
        manifests=survey.static_pod_path or "",
        member=etcd,
        unit=facts.unit if in_host else "",
        apiserver=survey.apiserver,
        running=there,
        wanted=_wanted(there, assumed),
        kubelet=facts.kubelet or (bundle is not None and survey.static_pod_path is not None),
        bundle=bundle,
    )


def _host_names(survey: NodeSurvey) -> tuple[str, ...]:
    return "", survey.hostname, survey.hostname.partition(".")[0]


def _wanted(there: tuple[PodFile, ...], brought: tuple[PodFile, ...]) -> tuple[PodFile, ...]:
    """A manifest that is there keeps its name; one that only the bundle has is taken to have its usual one."""
    known = {pod.container for pod in there}
    return (*there, *(pod for pod in brought if pod.container not in known))
