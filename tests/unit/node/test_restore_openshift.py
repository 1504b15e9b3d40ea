"""What happens on a host of OpenShift before and while the vendor's scripts run: nothing is taken for stopped that may
still run, nothing old is lost, and nothing waits without an end."""

import hashlib
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from builders.openshift_restore_host import BUNDLE, COMPONENTS, NAME, RUN, SNAPSHOT, OpenShiftNode, archive
from builders.waiting import wait_for


@pytest.fixture(params=["dash", "busybox"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> OpenShiftNode:
    return OpenShiftNode(tmp_path / "host", request.param)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_files_beside_the_data_are_in_nobodys_way_where_nothing_is_restored(host: OpenShiftNode) -> None:
    (host.data / "member-removed-archive-1").mkdir()
    assert host.run("check_host").code == "openshift_data_stray"
    assert host.done("check_host", scripts="", data_dir="") == {"containers": 1}


def test_a_host_that_is_ready_says_so_and_nothing_of_it_is_changed(host: OpenShiftNode) -> None:
    for name in ("revision.json", "etcd_perf.1"):
        (host.data / name).write_text("{}")
    assert host.done("check_host") == {"containers": 1}
    host.data.rename(host.folder / "elsewhere")
    assert host.done("check_host", scripts="") == {"containers": 1}
    assert not host.keep.exists()


@pytest.mark.parametrize("name", ["lost+found", "snapshot.db", ".hidden"])
def test_a_stray_file_among_etcds_data_is_found_before_anything_stops(host: OpenShiftNode, name: str) -> None:
    (host.data / name).write_text("")
    ended = host.run("check_host")
    assert ended.code == "openshift_data_stray"
    assert name in ended.report["message"]


def test_a_host_without_the_script_the_runtime_or_roots_rights_is_not_ready(host: OpenShiftNode) -> None:
    assert (
        host.run("check_host", scripts="cluster-restore.sh cluster-restore-tnf.sh").code == "openshift_script_missing"
    )
    (host.folder / "silent").touch()
    assert host.run("check_host").code == "restore_runtime_silent"
    host.stubs = {"id": "echo 1000"}
    assert host.run("check_host").code == "node_not_root"


def test_static_pods_stop_and_come_back(host: OpenShiftNode) -> None:
    text = host.manifest().read_text()
    assert host.done("stop_pod") == {"stopped": ["etcd"]}
    assert (names(host.aside), host.aside.stat().st_mode & 0o777) == (["etcd-pod.yaml"], 0o700)
    both = "kube-controller-manager kube-scheduler"
    assert host.done("stop_pod", components=both) == {"stopped": both.split()}
    assert names(host.folder / "manifests") == ["kube-apiserver-pod.yaml"]
    assert host.done("put_pod_back", components=both) == {"back": both.split(), "down": []}
    assert host.done("put_pod_back") == {"back": ["etcd"], "down": []}
    assert (host.manifest().read_text(), host.aside.exists()) == (text, False)


def test_stopping_twice_is_stopping_once_and_what_was_never_there_is_stopped(host: OpenShiftNode) -> None:
    assert host.done("stop_pod") == host.done("stop_pod")
    (host.aside / "etcd-pod.yaml").unlink()
    assert host.done("stop_pod") == {"stopped": ["etcd"]}
    assert host.done("put_pod_back") == {"back": ["etcd"], "down": ["etcd"]}


@pytest.mark.parametrize("container", ["etcd", "etcdctl", "etcd-metrics", "etcd-readyz", "etcd-rev"])
def test_etcd_is_stopped_when_none_of_its_containers_runs(host: OpenShiftNode, container: str) -> None:
    (host.folder / "stuck" / container).touch()
    ended = host.run("stop_pod")
    assert ended.code == "restore_pod_still_runs"
    assert container in ended.report["message"]


def test_a_pod_between_two_restarts_of_its_container_is_not_stopped(host: OpenShiftNode) -> None:
    (host.folder / "sandboxes").write_text("fedcba987654\n")
    ended = host.run("stop_pod")
    assert ended.code == "restore_pod_still_runs"
    assert f"the pod etcd-{NAME}" in ended.report["message"]


def test_a_runtime_that_does_not_answer_moves_nothing_and_proves_nothing(host: OpenShiftNode) -> None:
    (host.folder / "silent").touch()
    assert host.run("stop_pod").code == "restore_runtime_silent"
    assert host.manifest().exists()
    (host.folder / "silent").unlink()
    host.stubs = {"crictl": f'[ "$*" = "ps -q" ] || [ -e {host.manifest()} ]'}
    assert host.run("stop_pod").code == "restore_pod_still_runs"


def test_two_manifests_that_differ_are_nobodys_to_choose_between(host: OpenShiftNode) -> None:
    host.done("stop_pod")
    host.manifest().write_text("kind: Pod # another one\n")
    assert host.run("put_pod_back").code == "restore_manifest_twice"
    assert host.run("stop_pod").code == "restore_manifest_twice"


def test_data_are_moved_aside_whole_and_back(host: OpenShiftNode) -> None:
    (host.data / "revision.json").write_text("{}")
    kept = host.keep / "etcd"
    assert host.done("put_data_aside") == {"kept": str(kept)}
    assert (names(host.data), names(kept)) == ([], ["member", "revision.json"])
    assert host.done("put_data_aside") == {"kept": str(kept)}
    host.done("put_data_back")
    assert (host.data / "member/snap/db").read_text() == "old"
    assert (names(host.data), host.keep.exists()) == (["member", "revision.json"], False)
    host.done("put_data_back")
    assert (host.data / "member/snap/db").read_text() == "old"


def test_data_that_a_process_holds_stay_and_new_ones_are_not_mixed_with_old_ones(host: OpenShiftNode) -> None:
    host.stubs = {"flock": "exit 1"}
    assert host.run("put_data_aside").code == "restore_etcd_still_runs"
    host.stubs = {"flock": "exit 0"}
    host.done("put_data_aside")
    (host.data / "member/snap").mkdir(parents=True)
    assert host.run("put_data_aside").code == "restore_data_in_the_way"
    assert host.run("put_data_back").code == "restore_data_in_the_way"
    assert (host.keep / "etcd/member/snap/db").read_text() == "old"


def test_a_way_back_that_was_cut_short_is_finished(host: OpenShiftNode) -> None:
    (host.data / "revision.json").write_text("{}")
    host.done("put_data_aside")
    (host.keep / "etcd/revision.json").rename(host.data / "revision.json")
    host.done("put_data_back")
    assert names(host.data) == ["member", "revision.json"]


_DISABLES = "mkdir -p {stopped}; mv {manifest} {stopped}/ && echo 'waiting for container etcd to stop'"


def test_etcd_is_disabled_by_the_vendors_script_and_enabled_by_moving_its_manifest_back(host: OpenShiftNode) -> None:
    host.has_script("disable-etcd.sh", _DISABLES.format(stopped=host.stopped, manifest=host.manifest()))
    assert host.done("disable_etcd") == {"stopped": ["etcd"]}
    host.has_script("disable-etcd.sh", "echo a second time; exit 1")
    assert host.done("disable_etcd") == {"stopped": ["etcd"]}
    assert host.done("enable_etcd") == {"back": ["etcd"], "down": []}
    assert host.done("enable_etcd") == {"back": ["etcd"], "down": []}
    assert host.manifest().exists()


def test_a_manifest_that_was_parked_before_is_not_written_over(host: OpenShiftNode) -> None:
    host.stopped.mkdir()
    (host.stopped / "etcd-pod.yaml").write_text("kind: Pod # of an earlier time\n")
    host.has_script("disable-etcd.sh", _DISABLES.format(stopped=host.stopped, manifest=host.manifest()))
    host.done("disable_etcd")
    assert (host.keep / "etcd-pod.yaml.1").read_text().endswith("earlier time\n")
    assert (host.stopped / "etcd-pod.yaml").read_text() == "kind: Pod # etcd\n"


def test_a_script_that_says_well_and_stops_nothing_is_not_believed(host: OpenShiftNode) -> None:
    assert host.run("disable_etcd").code == "restore_pod_still_runs"


def test_trap_a_script_of_the_vendors_that_waits_without_end_is_ended_and_what_runs_is_told(
    host: OpenShiftNode,
) -> None:
    host.has_script("disable-etcd.sh", "echo 'waiting for container etcd-metrics to stop'; sleep 60")
    (host.folder / "stuck/etcd-metrics").touch()
    ended = host.run("disable_etcd", limit_s="1")
    assert ended.code == "openshift_script_hangs"
    assert "etcd-metrics" in ended.report["message"]
    assert "waiting for container" in ended.report["message"]


def test_what_an_earlier_restore_parked_is_moved_aside_and_back(host: OpenShiftNode) -> None:
    assert host.done("save_old") == {"kept": ""}
    assert host.done("put_old_back") == {"kept": ""}
    (host.parked / "member").mkdir(parents=True)
    (host.parked / "member/db").write_text("of an earlier restore")
    assert host.done("save_old") == {"kept": str(host.keep / "etcd-backup.1")}
    assert host.done("save_old") == {"kept": ""}
    assert host.done("put_old_back") == {"kept": str(host.parked)}
    assert ((host.parked / "member/db").read_text(), host.keep.exists()) == ("of an earlier restore", False)


# It parks what is there, deletes what it parked before, and starts a restore pod: what matters of it here.
_RESTORES = """
[ "$(ls $1 | tr '\\n' ' ')" = "{snapshot} {bundle} " ] || exit 9
mkdir -p {parked}
if [ -d {parked}/member ]; then echo "removing previous backup {parked}/member"; rm -rf {parked}/member; fi
mv {data}/member {parked}/
mkdir -p {data}/member/snap; echo restored >{data}/member/snap/db
echo kind: Pod >{manifest}
echo "proxy: ${{HTTPS_PROXY:-none}}, skip: ${{ETCD_RESTORE_SKIP_MOVE_CP_STATIC_PODS:-no}}"
echo "starting restore-etcd static pod"
"""


def restores(host: OpenShiftNode, then: str = "") -> None:
    text = _RESTORES.format(
        snapshot=SNAPSHOT, bundle=BUNDLE, parked=host.parked, data=host.data, manifest=host.manifest()
    )
    host.has_script("cluster-restore.sh", text + then)


def test_the_vendors_restore_runs_once_and_its_words_are_kept(host: OpenShiftNode) -> None:
    restores(host)
    pair = host.has_pair()
    report = host.done("cluster_restore", **pair)
    assert report["kept"] == str(host.parked / "member")
    assert report["words"][-1] == "starting restore-etcd static pod"
    assert (host.parked / "member/snap/db").read_text() == "old"
    host.has_script("cluster-restore.sh", "echo again; exit 1")
    assert host.done("cluster_restore", **pair) == report


def test_trap_a_second_run_of_the_vendors_script_never_meets_the_only_copy_of_the_old_data(host: OpenShiftNode) -> None:
    """The first run parked the old data and then failed. The script would delete what it parked when it runs again."""
    restores(host, "exit 3")
    pair = host.has_pair()
    assert host.run("cluster_restore", **pair).code == "openshift_script_failed"
    restores(host)
    host.done("cluster_restore", **pair)
    assert (host.keep / "etcd-backup.1/member/snap/db").read_text() == "old"
    assert (host.parked / "member/snap/db").read_text() == "restored\n"


def test_a_restore_that_was_killed_in_the_middle_runs_again_and_loses_nothing(host: OpenShiftNode) -> None:
    restores(host, "sleep 60")
    pair = host.has_pair()
    with host.program("cluster_restore", limit_s="60", **pair).start() as process:
        wait_for(
            lambda: (host.parked / "member/snap/db").exists() and host.manifest().read_text() == "kind: Pod\n",
            "it parked",
        )
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
    restores(host)
    host.done("cluster_restore", **pair)
    assert (host.keep / "etcd-backup.1/member/snap/db").read_text() == "old"


def test_trap_a_restore_that_hangs_is_ended_at_its_deadline(host: OpenShiftNode) -> None:
    host.has_script("cluster-restore.sh", "echo 'Waiting for container kube-scheduler to stop'; sleep 60")
    ended = host.run("cluster_restore", limit_s="1", **host.has_pair())
    assert ended.code == "openshift_script_hangs"
    assert "kube-scheduler" in ended.report["message"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "echo folder /var/lib/etcd is not empty, please review and remove all files in it; exit 1",
            "openshift_data_stray",
        ),
        ("echo mv: cannot move: No space left on device; exit 1", "restore_disk_full"),
        ("echo required dependencies not found; exit 1", "openshift_script_failed"),
        ("echo done", "openshift_script_failed"),
    ],
    ids=["stray", "disk", "other", "says nothing"],
)
def test_the_end_of_the_vendors_restore_has_a_code_of_its_own(host: OpenShiftNode, text: str, code: str) -> None:
    host.has_script("cluster-restore.sh", text)
    assert host.run("cluster_restore", **host.has_pair()).code == code


def test_trap_the_vendors_script_is_given_one_pair_and_no_other_file(host: OpenShiftNode) -> None:
    """It takes the last snapshot and the last archive by their names: they need not be a pair."""
    restores(host)
    pair = host.has_pair()
    (host.stage / "snapshot_2027-01-01_000000.db").write_text("another one")
    assert host.run("cluster_restore", **pair).code == "openshift_pair_ambiguous"
    (host.stage / "snapshot_2027-01-01_000000.db").unlink()
    (host.stage / SNAPSHOT).write_bytes(b"something else")
    assert host.run("cluster_restore", **pair).code == "restore_snapshot_differs"
    assert not host.parked.exists()


def test_the_cluster_proxy_is_exported_and_no_variable_of_ours_leads_the_vendor_astray(host: OpenShiftNode) -> None:
    restores(host)
    host.says("proxy", "http://10.9.9.9:3128")
    program = host.program("cluster_restore", **host.has_pair())
    ended = replace(program, environment={"ETCD_RESTORE_SKIP_MOVE_CP_STATIC_PODS": "true"}).run()
    assert "proxy: http://10.9.9.9:3128, skip: no" in ended.report["words"]


def test_without_an_api_the_proxy_is_the_hosts_own(host: OpenShiftNode) -> None:
    restores(host)
    (host.folder / "proxy.env").write_text("HTTPS_PROXY=http://10.8.8.8:3128\n")
    host.says("down", "")
    words = host.done("cluster_restore", **host.has_pair())["words"]
    assert "proxy: http://10.8.8.8:3128, skip: no" in words


def test_an_archive_without_one_of_the_four_components_is_not_used(host: OpenShiftNode) -> None:
    restores(host)
    pair = host.has_pair()
    for component in COMPONENTS:
        (host.stage / BUNDLE).write_bytes(archive(without=component))
        assert host.run("cluster_restore", **pair).code == "restore_bundle_differs"


def test_the_pair_is_forgotten_with_what_was_half_fetched(host: OpenShiftNode) -> None:
    host.has_pair()
    (host.folder / "stage.part").mkdir()
    assert host.done("forget") == {"removed": True}
    assert not [name for name in names(host.folder) if name.startswith("stage")]
    assert host.done("forget") == {"removed": False}


def test_what_is_aside_goes_to_the_old_data_when_new_manifests_are_there(host: OpenShiftNode) -> None:
    """Left where it is, it would tell the next restore that this one is not over."""
    host.has_pair()
    host.done("stop_pod", components="etcd kube-apiserver")
    host.manifest().write_text("kind: Pod # by the operator\n")
    assert host.done("tidy") == {"removed": True}
    assert (names(host.aside), names(host.keep / "manifests")) == (["kube-apiserver-pod.yaml"], ["etcd-pod.yaml"])
    host.manifest("kube-apiserver").write_text("kind: Pod # by the operator\n")
    assert host.done("tidy") == {"removed": True}
    assert (host.aside.exists(), host.stage.exists()) == (False, False)
    assert host.done("tidy") == {"removed": False}
    assert host.manifest().read_text().endswith("operator\n")


def test_data_are_copied_while_nobody_holds_them_and_the_copy_goes_when_it_is_taken_back(host: OpenShiftNode) -> None:
    (host.keep / "etcd-copy.part/member").mkdir(parents=True)
    assert host.done("copy_data") == {"kept": str(host.keep / "etcd-copy")}
    assert (host.keep / "etcd-copy/member/snap/db").read_text() == "old"
    (host.data / "member/snap/db").write_text("changed since")
    host.done("copy_data")
    assert (host.keep / "etcd-copy/member/snap/db").read_text() == "old"
    assert host.done("forget_copy") == {"removed": True}
    host.stubs = {"flock": "exit 1"}
    assert host.run("copy_data").code == "restore_etcd_still_runs"


def test_a_copy_is_not_forgotten_when_it_is_all_that_is_left(host: OpenShiftNode) -> None:
    host.done("copy_data")
    host.data.rename(host.folder / "gone")
    assert host.done("forget_copy") == {"removed": False}
    assert (host.keep / "etcd-copy/member/snap/db").read_text() == "old"


def test_a_quorum_restore_gives_the_vendors_script_the_manifest_that_it_moves(host: OpenShiftNode) -> None:
    host.done("stop_pod")
    moves = f"mv {host.manifest()} {host.folder}/moved && echo kind: Pod >{host.manifest()}"
    host.has_script("quorum-restore.sh", f"{moves}; echo starting restore-etcd static pod")
    report = host.done("quorum_restore")
    assert report["words"] == ["starting restore-etcd static pod"]
    assert ((host.folder / "moved").read_text(), host.aside.exists()) == ("kind: Pod # etcd\n", False)
    host.has_script("quorum-restore.sh", "exit 1")
    assert host.done("quorum_restore") == report


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("exit 1", "openshift_script_failed"),
        ("echo done", "openshift_script_failed"),
        ("sleep 60", "openshift_script_hangs"),
    ],
)
def test_a_quorum_restore_that_fails_says_how(host: OpenShiftNode, text: str, code: str) -> None:
    host.has_script("quorum-restore.sh", text)
    assert host.run("quorum_restore", limit_s="1").code == code


def test_what_is_old_lies_under_the_run(host: OpenShiftNode) -> None:
    host.done("put_data_aside")
    assert (host.keep.name, host.keep.stat().st_mode & 0o777) == (RUN, 0o700)
    assert (
        hashlib.sha256(b"old").hexdigest()
        == hashlib.sha256((host.keep / "etcd/member/snap/db").read_bytes()).hexdigest()
    )
