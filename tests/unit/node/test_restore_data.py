"""New data out of a snapshot and into place: with real tools, killed anywhere, and on disks of every kind.

Whatever happens, the old data are in their place or in `old`.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from builders.real_etcd import RealEtcd, running_etcd
from builders.restore_node import TOKEN, RestoreNode, flock_held, sha256_of, snapshot_of
from builders.waiting import wait_for
from holdfast.local.etcd_binaries import etcd_binary

TOOLS = etcd_binary("etcdctl").parent
MOUNT = shutil.which("mount")


@pytest.fixture(scope="module")
def snapshot(etcd: RealEtcd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot_of(etcd, tmp_path_factory.mktemp("snapshot") / "snapshot.db")


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> RestoreNode:
    node = RestoreNode(tmp_path / "node", request.param)
    node.has_data()
    return node


@pytest.fixture
def dash(tmp_path: Path) -> RestoreNode:
    """For what does not depend on the shell."""
    node = RestoreNode(tmp_path / "node", "dash")
    node.has_data()
    return node


def is_old(node: RestoreNode, place: Path) -> bool:
    return (place / "member/snap/db").read_text() == "old"


def test_the_restored_member_has_every_key_and_the_old_data_are_kept(
    node: RestoreNode, snapshot: Path, etcd: RealEtcd
) -> None:
    (node.data / "member").chmod(0o750)
    values = node.has_snapshot(snapshot)
    report = node.done("rebuild", **values, initial_cluster="n1=http://127.0.0.1:2380,n2=http://127.0.0.1:2390")
    assert len(report["members"]) == 2
    assert report["members"] == sorted(report["members"])
    mine = f"{os.getuid()}:{os.getgid()}"
    assert (report["tool"], report["bumped"], report["owner"], report["mode"]) == ("etcdutl 3.5.1", 0, mine, "750")
    assert is_old(node, node.data)
    assert node.done("rebuild", **values)["members"] != report["members"]
    assert node.done("swap") == {"kept": f"{node.keep}/old/member"}
    assert is_old(node, node.keep / "old")
    assert (node.data / "member").stat().st_mode & 0o777 == 0o750
    with running_etcd(node.data, "--name=n1", "--initial-cluster=n1=http://127.0.0.1:2380") as restored:
        assert restored.live_keys() == etcd.live_keys()
        assert restored.hash_kv() == etcd.hash_kv()


def test_done_twice_is_done_once(node: RestoreNode, snapshot: Path) -> None:
    values = node.has_snapshot(snapshot)
    first = node.done("rebuild", **values)
    inode = (node.keep / "new/member").stat().st_ino
    assert node.done("rebuild", **values) == first
    assert (node.keep / "new/member").stat().st_ino == inode
    kept = node.done("swap")
    assert node.done("swap") == kept
    assert node.done("rebuild", **values) == first
    assert (node.data / "member").stat().st_ino == inode
    assert is_old(node, node.keep / "old")


def test_equal_values_make_equal_members_on_every_node_and_another_token_makes_others(
    dash: RestoreNode, tmp_path: Path, snapshot: Path
) -> None:
    other = RestoreNode(tmp_path / "other", "busybox")
    cluster = {"initial_cluster": "n1=http://127.0.0.1:2380,n2=http://127.0.0.1:2390"}
    first = dash.done("rebuild", **dash.has_snapshot(snapshot), **cluster)
    second = other.done(
        "rebuild", **other.has_snapshot(snapshot), **cluster, name="n2", peer_urls="http://127.0.0.1:2390"
    )
    assert first["members"] == second["members"]
    third = other.done("rebuild", **other.has_snapshot(snapshot), **cluster, token=f"{TOKEN}x")
    assert not {*third["members"]} & {*first["members"]}


def test_an_image_without_etcdutl_restores_with_etcdctl(node: RestoreNode, snapshot: Path) -> None:
    (node.folder / "image").write_text("etcd etcdctl")
    assert node.done("rebuild", **node.has_snapshot(snapshot))["tool"] == "etcdctl 3.5.1"
    assert not (node.folder / "image-dir").exists()


def test_an_image_that_a_killed_run_left_open_is_opened_again(dash: RestoreNode, snapshot: Path) -> None:
    (dash.folder / "image-dir/usr").mkdir(parents=True)
    dash.done("rebuild", **dash.has_snapshot(snapshot))


def test_an_image_is_closed_with_the_snapshotter_that_opened_it(node: RestoreNode) -> None:
    (node.folder / "image-dir").mkdir()
    plugins = "io.containerd.snapshotter.v1 stargz linux/amd64 ok"
    closing = f'*"images unmount"*) echo "$*" >>{node.folder}/closed ;;'
    node.stubs = {"ctr": f'case "$*" in "plugins list") echo "{plugins}" ;; {closing} esac'}
    node.done("forget_new")
    assert (node.folder / "closed").read_text().splitlines() == [
        f"-n k8s.io images unmount --rm {more}{node.folder}/image-dir" for more in ("", "--snapshotter stargz ")
    ]


def test_docker_is_asked_for_the_image_where_there_is_no_containerd(dash: RestoreNode, snapshot: Path) -> None:
    copied = "".join(f"ln -s {TOOLS}/{name} $3/{name}; " for name in ("etcdctl", "etcdutl"))
    docker = f"""case "$1" in image | rm) ;; create) echo c0ffee ;;
cp) [ "$2" = c0ffee:/usr/local/bin ] && mkdir "$3" && {copied} ;; *) exit 1 ;; esac"""
    dash.without, dash.stubs = ("ctr",), {"docker": docker}
    assert dash.done("rebuild", **dash.has_snapshot(snapshot))["tool"] == "etcdutl 3.5.1"


def test_the_hosts_own_tool_is_taken_for_an_etcd_of_the_host(node: RestoreNode, snapshot: Path) -> None:
    node.stubs = {"etcdctl": f'exec {TOOLS}/etcdctl "$@"', "ctr": "exit 9"}
    environment = {"how": "host", "etcd_image": ""}
    assert node.done("rebuild", **node.has_snapshot(snapshot), **environment)["tool"] == "etcdctl 3.5.1"


def test_a_node_without_a_tool_that_restores_says_so(node: RestoreNode, snapshot: Path) -> None:
    """etcdctl 3.6 is there, and shows the help of `snapshot` instead."""
    node.stubs = {"etcdctl": "echo 'Usage: etcdctl snapshot <subcommand>'"}
    ended = node.run("rebuild", **node.has_snapshot(snapshot), etcd_image="k8s.gcr.io/etcd:9")
    assert ended.code == "restore_tool_missing"
    assert is_old(node, node.data)
    assert not (node.folder / "image-dir").exists()


def test_revisions_are_put_ahead_where_the_tool_can(dash: RestoreNode, snapshot: Path) -> None:
    """3.5.1 cannot: a tool that says it can, and leaves the two flags out."""
    bumping = f"""case "$*" in
*--help) echo "--initial-cluster-token --bump-revision" ;;
*--bump-revision\\ 1000000000\\ --mark-compacted)
	while [ "$1" != --bump-revision ]; do set -- "$@" "$1" && shift; done
	shift 3
	exec {TOOLS}/etcdutl "$@" ;;
version) echo "etcdutl version: 3.5.10" ;;
*) exit 1 ;;
esac"""
    dash.stubs = {"etcdutl": bumping}
    report = dash.done("rebuild", **dash.has_snapshot(snapshot), how="host", bump="1000000000")
    assert (report["tool"], report["bumped"]) == ("etcdutl 3.5.10", 1_000_000_000)


def test_the_words_of_an_old_etcdctl_are_understood(dash: RestoreNode, snapshot: Path) -> None:
    old = """case "$*" in
*--help) echo "--initial-cluster-token" ;;
version) echo "etcdctl version: 3.3.10" ;;
*) mkdir -p "$5/member/snap" "$5/member/wal"
echo "2026-11-20 12:00:00 I | etcdserver/membership: added member 8e9e05c52164694d [http://a:2380] to cluster c" >&2
esac"""
    dash.stubs = {"etcdctl": old}
    report = dash.done("rebuild", **dash.has_snapshot(snapshot), how="host")
    assert (report["tool"], report["members"]) == ("etcdctl 3.3.10", ["8e9e05c52164694d"])


def damaged(snapshot: Path, how: str) -> bytes:
    raw = bytearray(snapshot.read_bytes())
    if how == "a bit":
        raw[len(raw) // 2] ^= 1
    elif how == "its end":
        raw = raw[:-32]
    elif how == "half":
        raw = raw[: len(raw) // 2]
    else:
        raw = bytearray()
    return bytes(raw)


@pytest.mark.parametrize("how", ["a bit", "its end", "half", "everything"])
def test_a_snapshot_that_is_not_the_backups_is_not_restored(node: RestoreNode, snapshot: Path, how: str) -> None:
    values = node.has_snapshot(snapshot)
    (node.keep / "snapshot.db").write_bytes(damaged(snapshot, how))
    assert node.run("rebuild", **values).code == "restore_snapshot_differs"
    assert not (node.keep / "new").exists()


def test_a_sound_snapshot_of_another_backup_is_not_restored(node: RestoreNode, snapshot: Path) -> None:
    values = node.has_snapshot(snapshot) | {"sha256": "0" * 64}
    assert node.run("rebuild", **values).code == "restore_snapshot_differs"


def test_a_missing_snapshot_is_missed(node: RestoreNode, snapshot: Path) -> None:
    values = node.has_snapshot(snapshot)
    (node.keep / "snapshot.db").unlink()
    assert node.run("rebuild", **values).code == "restore_snapshot_missing"


def test_a_tool_that_fails_is_quoted_and_leaves_the_old_data(node: RestoreNode, snapshot: Path) -> None:
    ended = node.run("rebuild", **node.has_snapshot(snapshot), initial_cluster="n2=http://127.0.0.1:2390")
    assert ended.code == "restore_rebuild_failed"
    assert "n1" in ended.report["message"]
    assert is_old(node, node.data)
    assert not (node.keep / "new").exists()


def test_a_disk_that_fills_while_data_are_made_is_told(dash: RestoreNode, snapshot: Path) -> None:
    full = """case "$*" in *--help) echo "--initial-cluster-token" ;; version) echo "etcdutl version: 3.5.1" ;;
*) echo "Error: write /x/wal: no space left on device" >&2; exit 1 ;; esac"""
    dash.stubs = {"etcdutl": full}
    assert dash.run("rebuild", **dash.has_snapshot(snapshot), how="host").code == "restore_disk_full"
    assert dash.done("forget_new") == {"removed": True}
    assert not dash.keep.exists()


def test_a_rebuild_that_was_killed_is_done_anew(node: RestoreNode, snapshot: Path) -> None:
    values = node.has_snapshot(snapshot)
    stub = f"""case "$*" in *--help | version) exec {TOOLS}/etcdutl "$@" ;; esac
{TOOLS}/etcdutl "$@" && : >{node.folder}/made && sleep 60"""
    node.stubs = {"etcdutl": stub}
    program = node.program("rebuild", **values, how="host")
    with program.start() as process:
        wait_for((node.folder / "made").exists, "the data that the tool made")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
    assert [path.name for path in node.keep.glob("new*")] != ["new"]
    node.stubs = {}
    node.done("rebuild", **values)
    assert [path.name for path in node.keep.glob("new*")] == ["new"]


@pytest.mark.parametrize("moved", [1, 2])
def test_a_swap_that_was_killed_after_a_rename_goes_on(node: RestoreNode, snapshot: Path, moved: int) -> None:
    node.done("rebuild", **node.has_snapshot(snapshot))
    (node.keep / "old").mkdir()
    (node.data / "member").rename(node.keep / "old/member")
    if moved == 2:
        (node.keep / "new/member").rename(node.data / "member")
    assert node.done("swap") == {"kept": f"{node.keep}/old/member"}
    assert is_old(node, node.keep / "old")
    assert not is_old_bytes(node)


def is_old_bytes(node: RestoreNode) -> bool:
    return (node.data / "member/snap/db").read_bytes() == b"old"


@pytest.mark.parametrize("gone", ["member", "everything"])
def test_a_node_that_lost_its_data_gets_the_new_ones(node: RestoreNode, snapshot: Path, gone: str) -> None:
    shutil.rmtree(node.data / "member" if gone == "member" else node.data)
    node.done("rebuild", **node.has_snapshot(snapshot))
    assert node.done("swap") == {"kept": ""}
    assert node.done("swap") == {"kept": ""}
    assert (node.data / "member/wal").is_dir()
    assert (node.data / "member").stat().st_mode & 0o777 == 0o700


def test_nothing_is_swapped_before_there_are_new_data(node: RestoreNode) -> None:
    assert node.run("swap").code == "restore_nothing_rebuilt"
    node.keep.mkdir()
    (node.keep / "new.abc/member").mkdir(parents=True)
    assert node.run("swap").code == "restore_nothing_rebuilt"
    assert is_old(node, node.data)


@pytest.mark.parametrize("script", ["swap", "put_aside"])
@pytest.mark.parametrize("flock", [True, False])
def test_data_that_an_etcd_has_open_are_not_moved(dash: RestoreNode, snapshot: Path, script: str, flock: bool) -> None:
    dash.done("rebuild", **dash.has_snapshot(snapshot))
    if flock:
        dash.stubs = {"flock": f'exec {shutil.which("flock")} "$@"'}
    holder = flock_held(dash.data / "member/snap/db")
    try:
        assert dash.run(script).code == "restore_etcd_still_runs"
        assert is_old(dash, dash.data)
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.communicate()
    dash.done(script)
    assert is_old(dash, dash.keep / "old")


@pytest.mark.parametrize("script", ["swap", "put_aside"])
def test_data_that_somebody_made_meanwhile_are_not_thrown_away(node: RestoreNode, snapshot: Path, script: str) -> None:
    node.done("rebuild", **node.has_snapshot(snapshot))
    shutil.copytree(node.data, node.keep / "old")
    assert node.run(script).code == "restore_data_in_the_way"
    assert is_old(node, node.data)
    assert is_old(node, node.keep / "old")


def test_data_are_put_aside_once(node: RestoreNode) -> None:
    for _ in range(2):
        assert node.done("put_aside") == {"kept": f"{node.keep}/old/member"}
    assert list(node.data.iterdir()) == []
    assert is_old(node, node.keep / "old")


def test_where_there_are_no_data_nothing_is_put_aside(node: RestoreNode) -> None:
    shutil.rmtree(node.data)
    assert node.done("put_aside") == {"kept": ""}


def test_what_is_forgotten_is_ours_and_new(node: RestoreNode, snapshot: Path) -> None:
    node.done("rebuild", **node.has_snapshot(snapshot))
    for name in ("new.abc", "files", "files.abc"):
        (node.keep / name / "deep").mkdir(parents=True)
    (node.keep / "snapshot.db.object").touch()
    (node.keep / "old").mkdir()
    (node.keep / "etcd.yaml").touch()
    assert node.done("forget_new") == {"removed": True}
    assert sorted(path.name for path in node.keep.iterdir()) == ["etcd.yaml", "old"]
    assert is_old(node, node.data)
    assert node.done("forget_new") == {"removed": False}


def test_forgetting_where_nothing_is_makes_nothing(node: RestoreNode) -> None:
    assert node.done("forget_new") == {"removed": False}
    assert not node.keep.exists()


@pytest.fixture
def mount_root() -> None:
    if os.getuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting needs root")


def in_mounts(node: RestoreNode, script: str, mounts: str, **values: str) -> subprocess.CompletedProcess[str]:
    """The script in a mount namespace of its own, after `mounts`; and what is below the data directory after it."""
    program = node.program(script, **values)
    text = f'{mounts}\n"$@"; code=$?; cd {node.data} && find . -maxdepth 2 | sort >{node.folder}/seen; exit $code'
    unshare, shell = str(shutil.which("unshare")), str(shutil.which("sh"))
    with program.start(unshare, "-m", shell, "-c", text, "sh") as process:
        stdout, stderr = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, stdout, stderr)


@pytest.mark.usefixtures("mount_root")
@pytest.mark.parametrize(
    "mount", [f"{MOUNT} -t tmpfs data {{0}}", f"{MOUNT} --bind {{0}}.disk {{0}}", "ln -s {0}.disk {0}"]
)
def test_on_a_file_system_of_their_own_the_old_data_stay_on_it(dash: RestoreNode, mount: str) -> None:
    disk = dash.folder / "etcd.disk"
    if "disk" in mount:
        dash.data.rename(disk)
        if not mount.startswith("ln"):
            dash.data.mkdir()
    text = mount.format(dash.data)
    if "tmpfs" in mount:
        text += f" && mkdir -p {dash.data}/member/snap {dash.data}/member/wal && echo x >{dash.data}/member/snap/db"
    ended = in_mounts(dash, "put_aside", text)
    assert ended.returncode == 0, ended
    assert not dash.keep.exists()
    kept = f"./.holdfast-{dash.keep.name.partition('.holdfast-')[2]}"
    assert (dash.folder / "seen").read_text().split() == [".", kept, f"{kept}/old"]


@pytest.mark.usefixtures("mount_root")
@pytest.mark.parametrize("below", ["member", "member/wal"])
def test_a_mount_below_the_data_directory_is_seen_before_anything_is_made(
    dash: RestoreNode, snapshot: Path, below: str
) -> None:
    mount = f"{MOUNT} -t tmpfs x {dash.data}/{below} && mkdir -p {dash.data}/member/wal"
    ended = in_mounts(dash, "rebuild", mount, **dash.has_snapshot(snapshot))
    assert ended.returncode == 1
    assert "restore_layout_unsupported" in ended.stdout


@pytest.mark.parametrize("script", ["rebuild", "put_aside"])
def test_a_wal_that_is_kept_elsewhere_is_seen(node: RestoreNode, snapshot: Path, script: str) -> None:
    (node.data / "member/wal").rename(node.folder / "wal")
    (node.data / "member/wal").symlink_to(node.folder / "wal")
    values = node.has_snapshot(snapshot) if script == "rebuild" else {}
    assert node.run(script, **values).code == "restore_layout_unsupported"
    assert is_old(node, node.data)


def test_a_wal_that_is_lost_is_no_reason_not_to_restore(node: RestoreNode, snapshot: Path) -> None:
    (node.data / "member/wal").rmdir()
    node.done("rebuild", **node.has_snapshot(snapshot))
    node.done("swap")
    assert (node.data / "member/wal").is_dir()
    assert is_old(node, node.keep / "old")


def test_data_whose_wal_is_lost_are_put_aside(node: RestoreNode) -> None:
    (node.data / "member/wal").rmdir()
    assert node.done("put_aside") == {"kept": f"{node.keep}/old/member"}


def test_the_snapshot_of_these_tests_is_what_it_says(snapshot: Path) -> None:
    assert snapshot.read_bytes()[-32:].hex() == sha256_of(snapshot)
