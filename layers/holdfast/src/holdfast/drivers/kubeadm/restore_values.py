"""The variables of the scripts in node/restore/, for one node. Each script names its own at its head."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from holdfast.drivers import etcdctl
from holdfast.drivers.restore import RestoreTask, TaskNode
from holdfast.drivers.timeouts import API_READY_S, ETCD_READY_S, PODS_S, UNIT_S, snapshot_timeout_s
from holdfast.models.restore import NodeCommand

_MANIFESTS = "/etc/kubernetes/manifests"


def on(node: TaskNode, *parts: dict[str, str]) -> NodeCommand:
    values: dict[str, str] = {}
    for part in parts:
        values |= part
    return NodeCommand(node=node.node, values=values)


def places(run_id: str, node: TaskNode) -> dict[str, str]:
    """Where our own files and the old data are kept: on the data's own file system, so that moves are renames."""
    return {"keep": f"{node.data_dir}.holdfast-{run_id}", "data_dir": node.data_dir}


def aside(run_id: str, node: TaskNode) -> dict[str, str]:
    """Beside the folder of static pods and never in it: kubelet runs whatever it finds there."""
    folder = PurePosixPath(node.manifests or _MANIFESTS)
    return {"aside": str(folder.parent / f"holdfast-{run_id}")}


def pods(run_id: str, node: TaskNode, containers: Iterable[str], *, wanted: bool = False) -> dict[str, str]:
    """Without any, an empty `pods`. `wanted`: those that shall run in the end. Who stops pods is told the node's name
    where it is not the host's: their sandboxes are named after it."""
    asked = tuple(containers)
    files = node.wanted if wanted else node.running
    lines = [f"{file.container} {file.path}" for name in asked for file in files if file.container == name]
    name = {"node_name": node.odd_name} if node.odd_name and not wanted else {}
    return aside(run_id, node) | {"pods": "\n".join(lines), "limit_s": str(PODS_S)} | name


def unit(node: TaskNode) -> dict[str, str]:
    return {"unit": node.unit, "limit_s": str(UNIT_S)}


def access(node: TaskNode) -> dict[str, str]:
    return etcdctl.access(node.member) if node.member else {}


def ready(node: TaskNode, *, voters: int, asked: int, at: int) -> dict[str, str]:
    numbers = {"voters": voters, "asked": asked, "at": at, "limit_s": ETCD_READY_S}
    return access(node) | {name: str(number) for name, number in numbers.items()}


def api(node: TaskNode) -> dict[str, str]:
    server = node.apiserver
    return {
        "api_url": server.url if server else "",
        "api_ca": (server.ca if server else None) or "",
        "api_cert": (server.client_cert if server else None) or "",
        "api_key": (server.client_key if server else None) or "",
    }


def api_start(run_id: str, node: TaskNode, container: str) -> dict[str, str]:
    return pods(run_id, node, (container,), wanted=True) | api(node) | {"limit_s": str(API_READY_S)}


def snapshot(task: RestoreTask) -> dict[str, str]:
    return {"sha256": task.sha256, "raw_size": str(task.raw_size), "compression": task.compression}


def bundle(node: TaskNode) -> dict[str, str]:
    known = node.bundle
    return {"bundle_sha256": known.object_sha256, "compression": known.compression} if known else {}


def new_member(task: RestoreTask, node: TaskNode, members: Iterable[TaskNode]) -> dict[str, str]:
    """`members` are all that the new cluster begins with: the same list, in the same order, on each of them."""
    layout = node.member
    return {
        "sha256": task.sha256,
        "name": layout.name if layout else "",
        "peer_urls": ",".join(layout.peer_urls) if layout else "",
        "initial_cluster": initial_cluster(members),
        "token": task.token,
        "bump": str(task.bump) if task.bump else "",
        "how": access(node).get("how", ""),
        "etcd_image": layout.image if layout else "",
    }


def initial_cluster(members: Iterable[TaskNode]) -> str:
    return ",".join(f"{each.member.name}={url}" for each in members if each.member for url in each.member.peer_urls)


def joining(node: TaskNode) -> dict[str, str]:
    layout = node.member
    return {"name": layout.name if layout else "", "peer_urls": ",".join(layout.peer_urls) if layout else ""}


def copy_s(size: int) -> int:
    """A learner is sent the whole database before it can be promoted."""
    return snapshot_timeout_s(size)
