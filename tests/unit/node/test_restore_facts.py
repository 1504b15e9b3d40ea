"""restore/facts.sh: what is there, and nothing that it leaves."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders.restore_node import RestoreNode
from holdfast.local.machines import kubeadm_files
from holdfast.models.restore import PodFile, RestoreFacts

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
SIDE_CAR = """apiVersion: v1
kind: Pod
metadata:
  name: pod
spec:
  initContainers:
  - name: first
    image: x
  containers:
    - image: y
      env:
      - name: A
        value: b
      name: "kube-vip" # its name
    - name: other
  volumes:
  - name: etcd
"""


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> RestoreNode:
    return RestoreNode(tmp_path / "node", request.param)


def facts(node: RestoreNode, **changes: str) -> RestoreFacts:
    before = sorted(str(path) for path in node.folder.rglob("*") if "bin." not in str(path))
    found = RestoreFacts.model_validate(node.done("facts", **changes))
    after = sorted(str(path) for path in node.folder.rglob("*") if "bin." not in str(path) and "step." not in str(path))
    assert after == [path for path in before if "step." not in path]
    return found


def test_pods_are_told_by_the_names_of_their_containers(node: RestoreNode) -> None:
    for file in node.manifests.iterdir():
        file.unlink()
    member = kubeadm_files.Member("n1", "127.0.0.1")
    (node.manifests / "etcd.yaml").write_text(kubeadm_files.etcd_manifest(member, "n1=https://127.0.0.1:2380"))
    (node.manifests / "vip.yaml").write_text(SIDE_CAR)
    (node.manifests / "notes.txt").write_text("no pod\n")
    (node.manifests / ".hidden.yaml").write_text(SIDE_CAR)
    assert facts(node).pods == (
        PodFile(container="etcd", path=f"{node.manifests}/etcd.yaml"),
        PodFile(container="kube-vip", path=f"{node.manifests}/vip.yaml"),
        PodFile(container="other", path=f"{node.manifests}/vip.yaml"),
    )


API = "kind: Pod\nspec:\n"
SECOND = (
    API
    + """  containers: # two
  -   image: proxy
      name: proxy
      args:
      - name: no container
  -   name: 'kube-apiserver'
      command:
      - |
        - name: nor this
  hostNetwork: true
"""
)


@pytest.mark.parametrize(
    ("text", "containers", "unread"),
    [
        (SECOND, ("proxy", "kube-apiserver"), False),
        (SECOND.replace("\n", "\r\n"), ("proxy", "kube-apiserver"), False),
        ('{"kind": "Pod", "spec": {"containers": [{"name": "kube-apiserver"}]}}', (), True),
        (API + "  containers: [{name: kube-apiserver, image: x}]\n", (), True),
        (API + "  containers:\n  - image: x\n    name: proxy\n  - {name: kube-apiserver}\n", ("proxy",), True),
        ('{"kind": "Pod", "spec": {"containers": [{"name": "kube-vip"}]}}', (), False),
    ],
)
def test_a_manifest_of_the_control_plane_whose_containers_cannot_be_told_is_named(
    node: RestoreNode, text: str, containers: tuple[str, ...], unread: bool
) -> None:
    for file in node.manifests.iterdir():
        file.unlink()
    (node.manifests / "api.yaml").write_bytes(text.encode())
    found = facts(node)
    assert tuple(pod.container for pod in found.pods) == containers
    assert found.unread == ((f"{node.manifests}/api.yaml",) if unread else ())


def test_a_node_without_anything_has_facts_too(node: RestoreNode) -> None:
    for file in node.manifests.iterdir():
        file.unlink()
    node.without = ("ctr", "crictl")
    found = facts(node, etcd_image="", how="host")
    assert (found.pods, found.unit, found.data_exists, found.etcd_tool) == ((), "", False, "")
    assert found.data_free > 0


@pytest.mark.parametrize(
    ("image", "version"), [("etcd etcdctl", "3.5.1"), ("etcd etcdctl etcdutl", "3.5.1"), ("etcd", "")]
)
def test_the_tool_that_would_restore_is_told_by_its_version(node: RestoreNode, image: str, version: str) -> None:
    (node.folder / "image").write_text(image)
    node.has_data()
    found = facts(node)
    assert (found.etcd_tool, found.tool_bumps, found.data_exists) == (version, False, True)
    assert "curl" in found.tools


def test_a_tool_that_puts_revisions_ahead_is_told(node: RestoreNode) -> None:
    words = {"version": "etcdutl version: 3.5.21", "*": "--initial-cluster-token --bump-revision"}
    node.stubs = {"etcdutl": f'case "$1" in {" ".join(f"{case}) echo {said} ;;" for case, said in words.items())} esac'}
    found = facts(node, how="host")
    assert found.tool_bumps


@pytest.mark.parametrize(
    "at", ["2026-02-28T23:59:59", "2028-02-29T00:00:00", "2027-01-01T12:30:01", "2051-12-31T00:00:00"]
)
def test_certificates_tell_when_they_end(node: RestoreNode, at: str) -> None:
    """openssl's own words for dates, which no busybox understands."""
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    words = f"notAfter={moment:%b} {moment.day:2d} {moment:%H:%M:%S %Y} GMT"
    node.stubs = {"openssl": f'cat >"${{0%/*}}/read"; echo "{words}"'}
    one = node.folder / "one.crt"
    one.write_text("PEM\n")
    found = facts(node, certificates=f"{one}\n{node.folder}/missing.crt")
    assert found.certificates == ((str(one), int(moment.timestamp())),)


def test_real_certificates_are_read_also_out_of_a_kubeconfig(node: RestoreNode) -> None:
    authorities = kubeadm_files.Authorities()
    kubeconfig = kubeadm_files.kubeconfigs(authorities, "n1", "127.0.0.1")["/etc/kubernetes/admin.conf"]
    for name, text in (("a.crt", authorities.etcd.certificate), ("b.conf", kubeconfig)):
        (node.folder / name).write_text(text)
    node.stubs = {"openssl": 'exec /usr/bin/openssl "$@"'}
    found = facts(node, certificates="\n".join(str(node.folder / name) for name in ("a.crt", "b.conf", "none.crt")))
    assert [Path(path).name for path, _ in found.certificates] == ["a.crt", "b.conf"]
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", str(node.folder / "a.crt")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    moment = datetime.strptime(said, "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert found.certificates[0][1] == int(moment.timestamp())


def test_keys_of_an_encryption_at_rest_are_named_and_not_told(node: RestoreNode) -> None:
    file = node.folder / "enc.yaml"
    file.write_text(kubeadm_files.encryption_config(b"k" * 32))
    ended = node.run("facts", encryption_config=str(file))
    assert ended.report["encryption_keys"] == ["aescbc:key1"]
    assert "a2tra2" not in str(ended)


def test_a_run_that_left_manifests_aside_is_named(node: RestoreNode) -> None:
    node.done("stop_pods")
    (node.folder / "holdfast-other").mkdir()
    assert facts(node).unfinished == (node.aside.name.removeprefix("holdfast-"),)
    node.done("start_pods")
    assert facts(node).unfinished == ()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("    - --wal-dir=/fast/wal\n", "/fast/wal"),
        ("    - --wal-dir\n    - /fast/wal\n", "/fast/wal"),
        ('    - "--wal-dir=/fast/wal"\n', "/fast/wal"),
        ('{"command": ["etcd", "--wal-dir=/fast/wal", "--name=a"]}', "/fast/wal"),
        ("    - name: ETCD_WAL_DIR\n      value: /fast/wal\n", "/fast/wal"),
        ("    # - --wal-dir=/fast/wal\n    - --name=a\n", ""),
        ("    - --wal-dir={data}/member/wal\n", ""),
        ("    - --wal-dir=\n    - --data-dir=/x\n", ""),
    ],
)
def test_a_log_that_a_manifest_keeps_elsewhere_is_told(node: RestoreNode, words: str, told: str) -> None:
    (node.manifests / "etcd.yaml").write_text(words.replace("{data}", str(node.data)))
    assert facts(node).wal_dir == told


def test_a_log_that_is_a_link_is_told(node: RestoreNode) -> None:
    (node.data / "member").mkdir(parents=True)
    (node.data / "member/wal").symlink_to("/fast/wal")
    assert facts(node).wal_dir == "/fast/wal"


@pytest.mark.parametrize(
    "unit",
    [
        "ExecStart=/usr/bin/etcd --wal-dir /fast/wal",
        "Environment=ETCD_WAL_DIR=/fast/wal",
        "EnvironmentFile=-{folder}/variables",
        "ExecStart=/usr/bin/etcd --config-file={folder}/config",
    ],
)
def test_a_log_that_a_unit_keeps_elsewhere_is_told(node: RestoreNode, unit: str) -> None:
    (node.folder / "variables").write_text("# ETCD_WAL_DIR=/other\nETCD_WAL_DIR=/fast/wal\n")
    (node.folder / "config").write_text("name: a\nwal-dir: '/fast/wal'\n")
    text = unit.replace("{folder}", str(node.folder))
    node.stubs = {"systemctl": f'[ "$1 $2" = "cat etcd.service" ] && echo "# /etc/etcd.service" && echo "{text}"'}
    assert facts(node, how="host").wal_dir == "/fast/wal"


def test_the_unit_of_an_etcd_that_is_down_is_found_by_its_name(node: RestoreNode) -> None:
    node.stubs = {"systemctl": '[ "$1 $2" = "cat etcd.service" ]'}
    assert facts(node, how="host").unit == "etcd.service"
    assert facts(node).unit == ""
