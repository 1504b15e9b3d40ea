"""What the scripts of a restore ask real members, and how they change a cluster of three: never below its quorum."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from builders.real_etcd import DATA, RealEtcd, restore, running_etcd
from builders.restore_node import RestoreNode
from holdfast.engine.inspect import inspect_file
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.etcd_member import LocalMember, free_port
from holdfast.models.restore_reports import KeyCounts

ETCDCTL = etcd_binary("etcdctl")
SHELLS = ("dash", "busybox")


@pytest.fixture(params=SHELLS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> RestoreNode:
    return RestoreNode(tmp_path / "node", request.param)


@pytest.fixture
def dash(tmp_path: Path) -> RestoreNode:
    return RestoreNode(tmp_path / "node", "dash")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealEtcd, Any]]:
    """A kubeadm cluster's etcd, and what our reader says of its snapshot."""
    folder = tmp_path_factory.mktemp("real")
    with (DATA / "kubeadm-a.db.zst").open("rb") as packed, (folder / "snapshot.db").open("wb") as file:
        zstandard.ZstdDecompressor().copy_stream(packed, file)
    assert restore(folder / "snapshot.db", folder / "data").returncode == 0
    with running_etcd(folder / "data") as etcd:
        yield etcd, inspect_file(folder / "snapshot.db")


def test_a_member_that_is_ready_tells_what_a_backup_of_it_would(node: RestoreNode, real: tuple[RealEtcd, Any]) -> None:
    etcd, summary = real
    (status,) = etcd.etcdctl("endpoint", "status")
    header = status["Status"]["header"]
    assert node.done("etcd_ready", endpoint=etcd.client_url, at=str(summary.head.revision)) == {
        "member_id": f"{header['member_id']:x}",
        "cluster_id": f"{header['cluster_id']:x}",
        "leader": f"{status['Status']['leader']:x}",
        "version": "3.5.1",
        "voters": 1,
        "learners": 0,
        "revision": summary.head.revision,
        "at": summary.head.revision,
        "alike": 0,
        "hash": summary.hash_kv.hash,
        "compact_revision": summary.hash_kv.compact_revision,
    }


def test_a_host_is_asked_with_its_own_etcdctl(node: RestoreNode, real: tuple[RealEtcd, Any]) -> None:
    node.stubs = {"etcdctl": f'exec {ETCDCTL} "$@"', "crictl": "exit 9", "ctr": "exit 9"}
    assert node.done("etcd_ready", endpoint=real[0].client_url, how="host")["voters"] == 1


def test_voters_that_are_missing_are_waited_for_and_told(node: RestoreNode, real: tuple[RealEtcd, Any]) -> None:
    ended = node.run("etcd_ready", endpoint=real[0].client_url, voters="3")
    assert ended.code == "etcd_not_ready"
    assert "1 started voters of 3" in ended.report["message"]


def test_an_etcd_that_is_away_is_told_with_its_words(node: RestoreNode) -> None:
    ended = node.run("etcd_ready", limit_s="0")
    assert ended.code == "etcd_not_ready"
    assert "unhealthy" in ended.report["message"]


def test_a_container_that_does_not_run_is_told(node: RestoreNode) -> None:
    (node.manifests / "etcd.yaml").unlink()
    assert node.run("etcd_ready").code == "etcd_not_ready"
    assert node.run("count_keys").code == "node_etcd_not_running"


def test_keys_are_counted_as_our_reader_counts_them(node: RestoreNode, real: tuple[RealEtcd, Any]) -> None:
    etcd, summary = real
    report = KeyCounts.model_validate(node.done("count_keys", endpoint=etcd.client_url, at=str(summary.head.revision)))
    assert report.resources == {name: each.count for name, each in summary.resources.items()}
    assert (report.keys, report.other) == (summary.live_keys, summary.other_keys)
    assert report.revision == summary.head.revision


ODD = {
    "/registry/services/specs/default/web": "services/specs",
    "/registry/services": "services",
    "/registry/services/": "services",
    "/registry/ranges/serviceips": "ranges/serviceips",
    "/registry/monitoring.coreos.com/rules/a/b": "monitoring.coreos.com/rules",
    "/registry/a.b": "a.b",
    "/kubernetes.io/pods/x/y": "pods",
    "/openshift.io/oauth/clients/x": "oauth/clients",
    "/registry/health": "health",
    '/registry/quo"ted\\/x': 'quo"ted\\',
    "/registry/": "",
    "/registry//x": "",
    "/other/pods/x": "",
    "compact_rev_key": "",
}


def test_odd_keys_and_a_great_many_resources_are_counted(node: RestoreNode, tmp_path: Path) -> None:
    """More names than a transport keeps of a line: they come packed."""
    expected: dict[str, int] = {}
    with running_etcd(tmp_path / "many") as etcd:
        many = {f"/registry/group-{number}.example.com/kind-{number}/x": "" for number in range(600)}
        for key in (*ODD, *many):
            etcd.put(key, b"x")
        for name in (*ODD.values(), *(f"group-{number}.example.com/kind-{number}" for number in range(600))):
            if name:
                expected[name] = expected.get(name, 0) + 1
        ended = node.run("count_keys", endpoint=etcd.client_url)
        snapshot = inspect_file(etcd.snapshot(tmp_path / "many.db"))
    assert ended.exit_code == 0, ended
    assert "packed" in ended.report
    assert len(str(ended.report)) < 20_000
    report = KeyCounts.model_validate(ended.report)
    assert report.resources == expected == {name: each.count for name, each in snapshot.resources.items()}
    assert (report.keys, report.other) == (snapshot.live_keys, snapshot.other_keys)


def test_counts_of_a_list_that_broke_off_are_not_told(dash: RestoreNode, real: tuple[RealEtcd, Any]) -> None:
    crictl = f"""case "$*" in "ps --name "*) echo 0123 ;;
*keys-only\\ --rev*) case "$*" in *limit*) ;; *) echo /registry/pods/a/b; echo; exit 1 ;; esac ;;
"exec 0123 "*) shift 3; exec {ETCDCTL} "$@" ;; esac"""
    dash.stubs = {"crictl": crictl, "ctr": "exit 1"}
    assert dash.run("count_keys", endpoint=real[0].client_url).code == "etcd_not_ready"


def test_a_revision_that_was_compacted_stands_for_now(node: RestoreNode, tmp_path: Path) -> None:
    """As after --bump-revision with --mark-compacted."""
    with running_etcd(tmp_path / "compacted") as etcd:
        for number in range(5):
            etcd.put(f"/registry/pods/a/{number}", b"x")
        etcd.etcdctl("compact", "5")
        report = node.done("etcd_ready", endpoint=etcd.client_url, at="3", limit_s="20")
        assert (report["hash"], report["at"], report["revision"]) == (etcd.hash_kv().hash, 0, 6)
        counted = node.done("count_keys", endpoint=etcd.client_url, at="3")
    assert (counted["revision"], counted["resources"]) == (6, {"pods": 5})


def test_a_hash_comes_with_the_revision_that_it_is_of(node: RestoreNode, tmp_path: Path) -> None:
    """Somebody writes between the question for the member's state and the one for its hash."""
    with running_etcd(tmp_path / "busy") as etcd:
        etcd.put("/registry/pods/a/b", b"x")
        put = f"{ETCDCTL} --endpoints {etcd.client_url} put /registry/pods/a/c x >/dev/null"
        node.stubs = {
            "etcdctl": f'{ETCDCTL} "$@"; said=$?; case "$*" in *"endpoint status"*) {put} ;; esac; exit $said'
        }
        report = node.done("etcd_ready", endpoint=etcd.client_url, how="host")
        assert (report["revision"], report["at"], report["hash"]) == (3, 0, etcd.hash_kv().hash)


def test_the_form_of_answers_that_an_environment_wants_is_not_ours(
    node: RestoreNode, real: tuple[RealEtcd, Any]
) -> None:
    node.stubs = {"etcdctl": f'exec {ETCDCTL} "$@"'}
    program = node.program("etcd_ready", endpoint=real[0].client_url, how="host")
    program.environment = {"ETCDCTL_WRITE_OUT": "table"}
    assert program.run().report["voters"] == 1


def test_members_that_are_written_to_are_compared_at_one_revision(three: LocalEtcd, dash: RestoreNode) -> None:
    report = dash.done("etcd_ready", **access(three), voters="3", asked="3", limit_s="20")
    assert (report["at"], report["alike"]) == (0, 3)
    ended = dash.run("etcd_ready", **access(three), voters="3", asked="4")
    assert ended.code == "etcd_not_ready"
    assert "3 members of 4 have the hash" in ended.report["message"]


def test_a_member_with_other_data_is_told(three: LocalEtcd, dash: RestoreNode) -> None:
    other = 'sed \'s/"hash":[0-9]*/"hash":7/\''
    dash.stubs = {
        "etcdctl": f'case "$*" in *hashkv*--cluster*) {ETCDCTL} "$@" | {other} ;; *) exec {ETCDCTL} "$@" ;; esac'
    }
    ended = dash.run("etcd_ready", **access(three), how="host", voters="3", asked="3")
    assert ended.code == "hash_differs"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    with LocalEtcd.start(tmp_path_factory.mktemp("three"), members=3) as cluster:
        yield cluster


def access(cluster: LocalEtcd, index: int = 0) -> dict[str, str]:
    """As a client with the first member's own certificate."""
    folder = cluster.members[index].folder
    files = {"ca": "ca.crt", "cert": "member.crt", "key_file": "member.key"}
    return {"endpoint": cluster.endpoints[index]} | {name: str(folder / file) for name, file in files.items()}


def member_list(cluster: LocalEtcd) -> list[list[str]]:
    return [line.split(", ") for line in cluster.etcdctl("member", "list").splitlines()]


def id_of(cluster: LocalEtcd, name: str) -> str:
    return next(each[0] for each in member_list(cluster) if each[2] == name)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_lost_member_is_replaced_through_a_learner_and_every_step_is_done_once(
    three: LocalEtcd, tmp_path: Path, shell: Any
) -> None:
    node = RestoreNode(tmp_path / "node", shell)
    lost = three.members[-1]
    lost.stop()
    known = access(three)
    gone = {"name": lost.name, "member_id": id_of(three, lost.name)}
    assert node.run("add_learner", **known, name=lost.name, peer_urls=lost.peer_url).code == "member_differs"
    assert node.done("remove_member", **known, **gone, limit_s="20") == {"removed": True}
    assert node.done("remove_member", **known, **gone, limit_s="20") == {"removed": False}

    new = LocalMember(f"new-{shell}", three.folder / f"new-{shell}", free_port(), free_port())
    new.write_certificates(three.authority)
    joining = {"name": new.name, "peer_urls": new.peer_url}
    added = node.done("add_learner", **known, **joining)
    assert node.done("add_learner", **known, **joining) == added
    assert node.run("promote", **known, name=new.name).code == "learner_not_promoted"

    three.members[-1] = new
    new.start(three._initial_cluster(), three.token, state="existing")
    assert node.done("promote", **known, name=new.name, limit_s="30") == {"promoted": True}
    assert node.done("promote", **known, name=new.name) == {"promoted": True}
    report = node.done("etcd_ready", **known, voters="3", limit_s="30")
    assert (report["voters"], report["learners"]) == (3, 0)
    assert node.done("add_learner", **known, **joining) == added
    assert node.run("add_learner", **known, **joining | {"name": "somebody"}).code == "member_differs"
    assert added["member_id"] == id_of(three, new.name)


def test_no_change_is_made_that_would_lose_the_quorum(three: LocalEtcd, dash: RestoreNode) -> None:
    known = access(three)
    before = member_list(three)
    healthy = {"name": three.members[1].name, "member_id": id_of(three, three.members[1].name)}
    three.pause_member(2)
    try:
        ended = dash.run("remove_member", **known, **healthy)
        assert ended.code == "quorum_would_be_lost"
        assert "1 of 2 voters would be healthy, and 2 are needed" in ended.report["message"]
        three.pause_member(1)
        for script, values in (
            ("add_learner", {"name": "n9", "peer_urls": "https://127.0.0.1:9"}),
            ("remove_member", {"name": three.members[2].name, "member_id": before[2][0]}),
            ("promote", {"name": "n9"}),
        ):
            assert dash.run(script, **known, **values).code == "quorum_would_be_lost"
    finally:
        three.resume_member(1)
        three.resume_member(2)
    three.wait_until(three._healthy)
    assert member_list(three) == before


def test_a_member_under_another_name_is_not_removed(three: LocalEtcd, dash: RestoreNode) -> None:
    values = {"name": "somebody", "member_id": id_of(three, three.members[2].name)}
    assert dash.run("remove_member", **access(three), **values).code == "member_differs"


def test_a_learner_that_would_make_a_quorum_too_large_is_not_promoted(tmp_path: Path, dash: RestoreNode) -> None:
    """Two voters of which one is away: with the new one it would be two of three. One of one and a half is refused."""
    with LocalEtcd.start(tmp_path / "two", members=2) as cluster:
        learner = cluster.members[cluster.add_learner()]
        cluster.stop_member(1)
        assert dash.run("promote", **access(cluster), name=learner.name).code == "quorum_would_be_lost"


def test_a_list_that_is_refused_once_is_asked_for_again(three: LocalEtcd, dash: RestoreNode) -> None:
    count = 'echo >>"${0%/*}/lists"; [ "$(wc -l <"${0%/*}/lists")" -ne 2 ] || exit 1'
    dash.stubs = {"etcdctl": f'case "$*" in *"member list") {count} ;; esac; exec {ETCDCTL} "$@"'}
    ended = dash.run("promote", **access(three), how="host", name="nobody", limit_s="3")
    assert (ended.code, "no started member" in ended.report["message"]) == ("learner_not_promoted", True)


def test_what_etcd_refuses_is_told_in_its_words(three: LocalEtcd, dash: RestoreNode) -> None:
    ended = dash.run("add_learner", **access(three), name="n9", peer_urls="no url")
    assert ended.code == "member_change_failed"


MANIFEST = """apiVersion: v1
spec:
  containers:
  - command:
    - etcd
    - --initial-advertise-peer-urls=https://10.0.0.3:2380
{more}    - --name=n3
"""


@pytest.mark.parametrize(
    "more",
    [
        "    - --initial-cluster=n3=https://10.0.0.3:2380\n",
        "    - --initial-cluster=x\n    - --initial-cluster-state=new\n",
        "",
    ],
)
def test_a_manifest_that_is_aside_is_told_what_to_join(node: RestoreNode, more: str) -> None:
    node.aside.mkdir()
    file = node.aside / "etcd.yaml"
    file.write_text(MANIFEST.format(more=more))
    file.chmod(0o600)
    urls = "n1=https://10.0.0.1:2380,n3=https://10.0.0.3:2380"
    joined = f"    - --initial-cluster={urls}\n    - --initial-cluster-state=existing\n"
    for changed in (True, False):
        assert node.done("join_files", initial_cluster=urls) == {"changed": changed}
    text = file.read_text()
    assert text == MANIFEST.replace("    - --initial-adv", f"{joined}    - --initial-adv").format(more="")
    assert (node.keep / "etcd.yaml").read_text() == MANIFEST.format(more=more)
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in node.aside.iterdir()) == ["etcd.yaml"]
    assert [path.name for path in node.keep.iterdir()] == ["etcd.yaml"]


def test_a_manifest_is_written_where_it_lies(node: RestoreNode) -> None:
    """Where a file is made decides what SELinux takes it for. One that was killed there is removed at the start."""
    node.aside.mkdir()
    (node.aside / "etcd.yaml").write_text(MANIFEST.format(more=""))
    node.stubs = {"mv": "exit 1"}
    assert node.run("join_files").code == "restore_disk_full"
    assert sorted(path.name for path in node.aside.iterdir()) == [".holdfast.new", "etcd.yaml"]
    node.stubs = {}
    (node.manifests / "etcd.yaml").unlink()
    node.done("start_pods", pods=f"etcd {node.manifests}/etcd.yaml")
    assert not node.aside.exists()


def test_a_manifest_that_is_not_aside_or_of_another_form_is_told(dash: RestoreNode) -> None:
    assert dash.run("join_files").code == "restore_manifest_missing"
    dash.aside.mkdir()
    (dash.aside / "etcd.yaml").write_text('{"command": ["etcd", "--initial-advertise-peer-urls=https://a:1"]}')
    assert dash.run("join_files").code == "restore_manifest_unreadable"


def test_etcdctl_is_the_one_that_the_tests_say() -> None:
    assert b"3.5.1" in subprocess.run([ETCDCTL, "version"], capture_output=True, check=True).stdout
