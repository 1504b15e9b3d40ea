"""The machines that stand for control-plane nodes (holdfast.local.machines): what scripts and tests rely on."""

import json
import time
from collections.abc import Iterator

import pytest

from builders.kubeadm_node import KubeadmCluster, KubeadmNode, kubeadm_cluster
from builders.waiting import wait_for
from holdfast.errors import PermanentError
from holdfast.local.machines.kubeadm_files import IMAGES, MANIFESTS, PKI

NAMES = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
MAPS = "/api/v1/namespaces/kube-system/configmaps"
KUBE_SYSTEM = 'labels."io.kubernetes.pod.namespace"==kube-system'
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeadmCluster]:
    with kubeadm_cluster(tmp_path_factory.mktemp("machines"), 1, api=True) as made:
        wait_for(lambda: ready(made.nodes[0]), "the API server", 10)
        yield made


@pytest.fixture
def node(cluster: KubeadmCluster) -> KubeadmNode:
    return cluster.nodes[0]


def asked(node: KubeadmNode, path: str, *options: str, client: str = "apiserver-kubelet-client") -> str:
    """What curl on the node says, as a script there asks it."""
    tls = ("--cacert", f"{PKI}/ca.crt", "--cert", f"{PKI}/{client}.crt", "--key", f"{PKI}/{client}.key")
    return node.run("curl", "-sS", "--max-time", "10", *tls, *options, f"{node.api_url}{path}")


def status(node: KubeadmNode, path: str, *options: str, client: str = "apiserver-kubelet-client") -> int:
    return int(asked(node, path, "-o", "/dev/null", "-w", "%{http_code}", *options, client=client))


def ready(node: KubeadmNode) -> bool:
    try:
        return status(node, "/readyz") == 200
    except PermanentError:
        return False


def ids(node: KubeadmNode, name: str) -> list[str]:
    return node.run("crictl", "ps", "--name", f"^{name}$", "-q").split()


def test_every_manifest_has_its_container_by_the_clients_of_the_runtime(node: KubeadmNode) -> None:
    for name in NAMES:
        (known,) = ids(node, name)
        by_label = f'labels."io.kubernetes.container.name"=={name}'
        for labels in (by_label, f"{by_label},{KUBE_SYSTEM}"):
            assert node.run("ctr", "-n", "k8s.io", "containers", "list", "-q", labels).split() == [known]
        assert known in node.run("ctr", "-n", "k8s.io", "tasks", "list")
        label = ("--label", "io.kubernetes.pod.namespace=kube-system")
        assert node.run("crictl", "ps", "--name", f"^{name}$", *label, "-q").split() == [known]
    assert ids(node, "etc") == []
    assert node.run("crictl", "ps", "--label", "io.kubernetes.pod.namespace=default", "-q") == ""
    assert "--label" in node.run("crictl", "ps", "--help")
    with pytest.raises(PermanentError, match="not defined"):
        node.run("crictl", "ps", "--namespaces", "kube-system")
    pod = node.run("crictl", "pods", "-q", "--state", "ready", "--namespace", "kube-system", "--name", "^etcd-n1$")
    assert len(pod.split()) == 1


def test_a_container_ends_when_its_manifest_goes_and_runs_again_when_it_comes_back(node: KubeadmNode) -> None:
    path, aside = f"{MANIFESTS}/kube-scheduler.yaml", "/etc/kubernetes/aside.yaml"
    before = ids(node, "kube-scheduler")
    for source, target, runs in ((path, aside, 0), (aside, path, 1)):
        node.run("mv", source, target)
        began = time.monotonic()
        wait_for(lambda runs=runs: len(ids(node, "kube-scheduler")) == runs, "the kubelet", 5)  # type: ignore[misc]
        assert time.monotonic() - began < 1
    assert ids(node, "kube-scheduler") != before


def test_a_container_that_ends_is_started_again(node: KubeadmNode) -> None:
    before = ids(node, "kube-controller-manager")
    pid = node.path("/run/containers/kube-controller-manager").read_text().split()[0]
    node.run("kill", "-KILL", pid)
    wait_for(lambda: ids(node, "kube-controller-manager") not in ([], before), "the new container", 5)


def test_containers_go_on_while_their_kubelet_is_restarted(node: KubeadmNode) -> None:
    before = [ids(node, name) for name in NAMES]
    node.run("systemctl", "restart", "kubelet")
    assert node.run("systemctl", "is-active", "kubelet") == "active\n"
    time.sleep(0.5)
    assert [ids(node, name) for name in NAMES] == before


def test_the_image_of_etcd_is_mounted_with_its_tools_whether_it_runs_or_not(node: KubeadmNode) -> None:
    node.path("/mnt/image").mkdir()
    node.run("ctr", "-n", "k8s.io", "images", "mount", IMAGES["etcd"], "/mnt/image")
    assert "3.5.1" in node.run("/mnt/image/usr/local/bin/etcdctl", "version")
    with pytest.raises(PermanentError, match="Read-only"):
        node.run("touch", "/mnt/image/x")
    node.run("ctr", "-n", "k8s.io", "images", "unmount", "--rm", "--snapshotter", "native", "/mnt/image")
    node.run("rmdir", "/mnt/image")
    with pytest.raises(PermanentError, match="not found"):
        node.run("ctr", "-n", "k8s.io", "images", "mount", "k8s.gcr.io/etcd:3.4.13-0", "/srv")


def test_the_api_server_is_ready_only_while_its_etcd_answers(node: KubeadmNode, cluster: KubeadmCluster) -> None:
    assert asked(node, "/readyz") == "ok"
    node.stop_etcd()
    assert status(node, "/readyz") == 500
    node.start_etcd()
    cluster.wait_until_healthy()
    wait_for(lambda: ready(node), "the API server", 10)


def test_a_node_is_ready_and_renews_its_lease(node: KubeadmNode) -> None:
    def renewed() -> str:
        return str(json.loads(asked(node, f"{LEASES}/n1"))["spec"]["renewTime"])

    wait_for(lambda: "renewTime" in asked(node, f"{LEASES}/n1"), "the lease", 10)
    first = renewed()
    wait_for(lambda: renewed() > first, "the next renewal", 5)
    conditions = json.loads(asked(node, "/api/v1/nodes/n1"))["status"]["conditions"]
    assert [(each["type"], each["status"]) for each in conditions] == [("Ready", "True")]
    table = json.loads(asked(node, "/api/v1/nodes/n1?includeObject=None", "-H", f"Accept: {TABLE}"))
    shown = [each["name"] for each in table["columnDefinitions"] if each["priority"] == 0]
    assert shown == ["Name", "Status", "Roles", "Age", "Version"]
    assert table["rows"][0]["cells"][:3] == ["n1", "Ready", "control-plane"]


def test_a_config_map_is_written_to_etcd_seen_by_a_watch_and_removed(
    node: KubeadmNode, cluster: KubeadmCluster
) -> None:
    since = json.loads(asked(node, MAPS))["metadata"]["resourceVersion"]
    body = json.dumps({"metadata": {"name": "probe"}, "data": {"a": "b"}})
    post = ("-X", "POST", "-H", "Content-Type: application/json", "-d", body)
    assert status(node, MAPS, *post) == 201
    assert status(node, MAPS, *post) == 409
    assert json.loads(asked(node, f"{MAPS}/probe"))["data"] == {"a": "b"}
    assert status(node, f"{MAPS}/probe", "-X", "DELETE") == 200
    assert status(node, f"{MAPS}/probe") == 404
    only = f"{MAPS}?watch=1&fieldSelector=metadata.name%3Dprobe&resourceVersion={since}&timeoutSeconds=1"
    events = [json.loads(line) for line in asked(node, only).splitlines()]
    assert [each["type"] for each in events] == ["ADDED", "DELETED"]
    assert events[0]["object"]["data"] == {"a": "b"}


def test_only_masters_may_do_everything(node: KubeadmNode) -> None:
    nobody = ("curl", "-s", "--cacert", f"{PKI}/ca.crt", "-o", "/dev/null", "-w", "%{http_code}")
    kubelet = ("--cert", "/var/lib/kubelet/pki/kubelet-client-current.pem")
    assert node.run(*nobody, f"{node.api_url}{MAPS}") == "403"
    assert node.run(*nobody, *kubelet, f"{node.api_url}{MAPS}") == "403"
    assert node.run(*nobody, *kubelet, f"{node.api_url}{LEASES}/n1") == "200"
    assert node.run(*nobody, f"{node.api_url}/readyz") == "200"
