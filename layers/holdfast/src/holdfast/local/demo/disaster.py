"""What the demo does to its cluster after the backup: changes that a restore takes back, then the end of etcd."""

from holdfast.errors import HoldfastError, PermanentError
from holdfast.local.demo.objects import ConfigMaps
from holdfast.local.demo.view import DemoView
from holdfast.local.machines.kubeadm import DATA, KubeadmCluster
from holdfast.local.machines.waiting import wait_for

ADDED = ("default", "made-after-the-backup")
DELETED = ("kube-system", "kubeadm-config")
_REMOVE = f"rm -rf {DATA}/member"
_OVERWRITE = f"dd if=/dev/zero of={DATA}/member/snap/db bs=4096 count=64 conv=notrunc"
# The first word is the process of etcd's container (local/machines/programs/runtime.sh).
_KILL = "read -r pid _ </run/containers/etcd && kill -KILL $pid"
API_WITHIN_S, DOWN_WITHIN_S = 30.0, 60.0


def change(view: DemoView, cluster: KubeadmCluster) -> dict[str, str]:
    """One ConfigMap more, and one less, which is what that one held."""
    view.step("After the backup: one object is added, another one is deleted")
    maps = ConfigMaps(cluster.nodes[0])
    wait_for(maps.ready, "an answer of the API server", API_WITHIN_S)
    deleted = maps.read(*DELETED)
    if not deleted:
        raise PermanentError("demo_api_failed", f"the cluster has no ConfigMap {name_of(DELETED)}")
    maps.create(*ADDED, {"told": "not in the backup"})
    maps.delete(*DELETED)
    view.note(f"ConfigMap {name_of(ADDED)} is added, ConfigMap {name_of(DELETED)} is deleted")
    return deleted


def destroy(view: DemoView, cluster: KubeadmCluster) -> None:
    """One member has nothing left, the others cannot read what they have. Returns when nobody answers any more."""
    first, *others = cluster.nodes
    view.step(f"Disaster: etcd's data are destroyed on all {len(cluster.nodes)} nodes")
    for node, order in ((first, _REMOVE), *((each, _OVERWRITE) for each in others)):
        view.note(f"{node.name}: {order}")
        node.run("sh", "-c", order)
    for node in cluster.nodes:
        node.run("sh", "-c", _KILL)
    view.progress("waiting until nobody answers")
    told = wait_for(lambda: _why_down(cluster), "the end of etcd", DOWN_WITHIN_S)
    view.note(f"the cluster is down: no member of etcd answers ({told}), and no API server is ready")


def name_of(place: tuple[str, str]) -> str:
    return "/".join(place)


def _why_down(cluster: KubeadmCluster) -> str:
    """The code of the error when nobody answers; "" while somebody does."""
    try:
        cluster.client().facts()
    except HoldfastError as error:
        return "" if any(ConfigMaps(node).ready() for node in cluster.nodes) else error.code
    return ""
