"""Stopping and starting static pods: nothing is taken for stopped that may still run."""

import os
import signal
from pathlib import Path

import pytest

from builders.restore_node import PODS, SHOWS_ETCD, RestoreNode
from builders.waiting import wait_for


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> RestoreNode:
    return RestoreNode(tmp_path / "node", request.param)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


FILES = [f"{name}.yaml" for name in PODS]


def test_manifests_are_moved_beside_their_folder_and_back(node: RestoreNode) -> None:
    texts = [(node.manifests / name).read_text() for name in FILES]
    assert node.done("stop_pods") == {"stopped": list(PODS)}
    assert (names(node.manifests), names(node.aside)) == ([], FILES)
    assert node.aside.stat().st_mode & 0o777 == 0o700
    assert node.done("start_pods") == {"started": list(PODS)}
    assert names(node.manifests) == FILES
    assert not node.aside.exists()
    assert [(node.manifests / name).read_text() for name in FILES] == texts


@pytest.mark.parametrize("script", ["stop_pods", "start_pods"])
def test_done_twice_is_done_once(node: RestoreNode, script: str) -> None:
    first = node.done(script)
    assert node.done(script) == first


def test_a_stop_that_was_killed_between_two_manifests_is_finished_or_taken_back(node: RestoreNode) -> None:
    node.aside.mkdir()
    (node.manifests / FILES[0]).rename(node.aside / FILES[0])
    node.done("start_pods")
    assert names(node.manifests) == FILES
    node.aside.mkdir()
    (node.manifests / FILES[0]).rename(node.aside / FILES[0])
    node.done("stop_pods")
    assert (names(node.manifests), names(node.aside)) == ([], FILES)


def test_a_start_takes_back_a_stop_that_was_killed_while_it_waited(node: RestoreNode) -> None:
    (node.folder / "stuck" / "etcd").touch()
    program = node.program("stop_pods", limit_s="60")
    with program.start() as process:
        wait_for(lambda: names(node.aside) == FILES, "both manifests aside")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
    (node.folder / "stuck" / "etcd").unlink()
    node.done("start_pods")
    assert names(node.manifests) == FILES


def test_a_container_that_does_not_end_is_told(node: RestoreNode) -> None:
    (node.folder / "stuck" / "etcd").touch()
    assert node.run("stop_pods").code == "restore_pod_still_runs"


def test_a_pod_whose_container_is_between_two_restarts_is_not_stopped(node: RestoreNode) -> None:
    """Nothing of that name runs, and kubelet still has the pod: it would start it again on the new data."""
    (node.folder / "sandboxes").write_text("fedcba987654\n")
    assert node.run("stop_pods").code == "restore_pod_still_runs"


@pytest.mark.parametrize("client", ["crictl", "ctr"])
def test_one_client_that_shows_it_is_enough_to_know_that_it_runs(node: RestoreNode, client: str) -> None:
    """A crictl that knows no expressions, or is set to another runtime, shows nothing and ends well."""
    shows = {
        "crictl": SHOWS_ETCD,
        "ctr": 'case "$3 $4" in "tasks list") echo "TASK PID STATUS"; echo "0123 1 RUNNING" ;; '
        '"containers list") echo 0123 ;; esac',
    }
    node.stubs = {"crictl": "exit 0", "ctr": "exit 0", client: shows[client]}
    assert node.run("stop_pods").code == "restore_pod_still_runs"


def test_nothing_is_moved_when_no_runtime_answers(node: RestoreNode) -> None:
    node.stubs = {"crictl": "exit 1", "ctr": "exit 1"}
    assert node.run("stop_pods").code == "restore_runtime_silent"
    assert names(node.manifests) == FILES


def test_a_runtime_that_falls_silent_is_no_sign_that_all_is_stopped(node: RestoreNode) -> None:
    node.stubs = {"crictl": f'[ "$2" != --help ] || echo --label; [ ! -d {node.aside} ]', "ctr": "exit 1"}
    assert node.run("stop_pods").code == "restore_pod_still_runs"


# Clients that show what is asked for with a namespace, and another that is shown without: of a virtual cluster, say.
_OTHERS = {
    "crictl": 'case "$*" in *--help) echo --label ;; *kube-system*) ;; "ps --name "*) echo 77 ;; esac',
    "ctr": 'case "$*" in *"tasks list") echo "77 9 RUNNING" ;; *kube-system | *sandbox*) ;; *) echo 77 ;; esac',
    "docker": 'case "$*" in *kube-system | *POD*) ;; *label=*) echo 77 ;; esac',
}


@pytest.mark.parametrize("client", list(_OTHERS))
def test_a_container_of_that_name_in_another_namespace_is_not_the_members(node: RestoreNode, client: str) -> None:
    node.without = tuple({"crictl", "ctr"} - {client})
    node.stubs = {client: _OTHERS[client]}
    node.done("stop_pods")
    assert node.run("start_pods").code == "restore_pod_not_started"


# Clients that answer, and fail at a question once the manifests are aside.
_FAILING = {
    "crictl ps": '[ "$2" != --help ] || echo --label; case "$*" in "ps --name "*) {fails} ;; esac',
    "crictl pods": '[ "$2" != --help ] || echo --label; case "$1" in pods) {fails} ;; esac',
    "ctr containers": 'case "$3 $4" in "tasks list") echo "77 9 RUNNING" ;; "containers list") {fails} ;; esac',
    "ctr sandboxes": 'case "$*" in *"tasks list") echo "77 9 RUNNING" ;; *sandbox*) {fails} ;; esac',
    "docker names": 'case "$*" in *name=^*) {fails} ;; esac',
    "docker labels": 'case "$*" in *label=*kube-system) {fails} ;; esac',
    "docker sandboxes": 'case "$*" in *POD*) {fails} ;; esac',
}


@pytest.mark.parametrize("failing", list(_FAILING))
def test_a_question_that_fails_is_no_sign_that_nothing_runs(node: RestoreNode, failing: str) -> None:
    client = failing.partition(" ")[0]
    node.without = tuple({"crictl", "ctr"} - {client})
    node.stubs = {client: _FAILING[failing].format(fails=f"[ ! -d {node.aside} ] || exit 1")}
    assert node.run("stop_pods").code == "restore_pod_still_runs"
    node.stubs = {client: _FAILING[failing].format(fails="")}
    assert node.done("stop_pods") == {"stopped": list(PODS)}


def test_a_crictl_that_knows_no_labels_is_not_asked(node: RestoreNode) -> None:
    """One of a few lines, which takes what it does not know for nothing and compares names letter by letter."""
    node.stubs = {"crictl": 'case "$*" in *--name*) ;; *) echo 0123 ;; esac', "ctr": "exit 1"}
    assert node.run("stop_pods").code == "restore_runtime_silent"
    assert names(node.manifests) == FILES


def test_a_pod_is_known_by_the_name_that_its_node_has_in_the_cluster(node: RestoreNode) -> None:
    sandbox = '[ "$2" != --help ] || echo --label; case "$*" in pods*"^etcd-(cp-1)\\$"*) echo 1 ;; esac'
    node.stubs = {"crictl": sandbox, "ctr": "exit 1"}
    assert node.run("stop_pods", node_name="cp-1").code == "restore_pod_still_runs"
    node.done("stop_pods", node_name="cp-2")
    own = os.uname().nodename
    node.stubs = {"crictl": sandbox.replace("(cp-1)", f"({own}|{own.partition('.')[0]})"), "ctr": "exit 1"}
    assert node.run("stop_pods", node_name="").code == "restore_pod_still_runs"


def test_a_pod_that_does_not_start_is_told(node: RestoreNode) -> None:
    node.done("stop_pods")
    node.stubs = {"crictl": "exit 0", "ctr": "exit 0"}
    assert node.run("start_pods").code == "restore_pod_not_started"
    assert names(node.manifests) == FILES


def test_pods_that_were_stopped_are_put_back(node: RestoreNode) -> None:
    node.done("stop_pods")
    for _ in range(2):
        assert node.done("put_pods_back") == {"back": list(PODS), "down": []}
        assert names(node.manifests) == FILES
    assert not node.aside.exists()


def test_pods_are_put_back_also_when_they_do_not_run(node: RestoreNode) -> None:
    """In a disaster etcd was down before it was stopped, and the API server ends without it."""
    node.done("stop_pods")
    node.stubs = {"crictl": "exit 0", "ctr": "exit 0"}
    assert node.done("put_pods_back") == {"back": list(PODS), "down": list(PODS)}
    assert names(node.manifests) == FILES
    node.stubs = {"crictl": SHOWS_ETCD, "ctr": "exit 0"}
    assert node.done("put_pods_back") == {"back": list(PODS), "down": ["kube-apiserver"]}


@pytest.mark.parametrize("script", ["stop_pods", "start_pods", "put_pods_back"])
def test_a_manifest_that_is_nowhere_is_missed(node: RestoreNode, script: str) -> None:
    (node.manifests / FILES[1]).unlink()
    assert node.run(script).code == "restore_manifest_missing"


@pytest.mark.parametrize("script", ["stop_pods", "start_pods"])
def test_of_two_manifests_that_differ_neither_is_lost(node: RestoreNode, script: str) -> None:
    """Somebody's automation has written it again."""
    node.aside.mkdir()
    (node.aside / FILES[0]).write_text("kind: Pod # of another time\n")
    ended = node.run(script)
    assert ended.code == "restore_manifest_twice"
    assert str(node.aside / FILES[0]) in ended.report["message"]
    assert (node.manifests / FILES[0]).exists()
    assert (node.aside / FILES[0]).exists()


def test_of_two_manifests_that_are_equal_one_goes(node: RestoreNode) -> None:
    node.aside.mkdir()
    (node.aside / FILES[0]).write_text((node.manifests / FILES[0]).read_text())
    node.done("stop_pods")
    assert (names(node.manifests), names(node.aside)) == ([], FILES)


def test_a_folder_that_cannot_be_made_is_told_before_anything_moves(node: RestoreNode) -> None:
    node.aside.write_text("a file")
    assert node.run("stop_pods").code == "restore_tool_failed"
    assert names(node.manifests) == FILES


UNIT = """
case "$1" in
is-active) [ -e {folder}/active ] && echo active || {{ echo inactive; exit 3; }} ;;
start) {start} ;;
stop) rm -f {folder}/active ;;
esac
"""


def test_a_unit_is_stopped_and_started(node: RestoreNode) -> None:
    node.stubs = {"systemctl": UNIT.format(folder=node.folder, start=f": >{node.folder}/active")}
    (node.folder / "active").touch()
    for script in ("stop_unit", "stop_unit", "start_unit", "start_unit"):
        assert node.done(script) == {"unit": "etcd.service"}
    assert (node.folder / "active").exists()


def test_a_unit_is_put_back_also_when_it_does_not_become_active(node: RestoreNode) -> None:
    node.stubs = {"systemctl": UNIT.format(folder=node.folder, start=f": >{node.folder}/active")}
    assert node.done("put_unit_back") == {"back": ["etcd.service"], "down": []}
    node.stubs = {"systemctl": UNIT.format(folder=node.folder / "none", start=":")}
    assert node.done("put_unit_back") == {"back": ["etcd.service"], "down": ["etcd.service"]}
    node.stubs = {"systemctl": "echo 'Unit etcd.service not found.' >&2; exit 5"}
    assert node.run("put_unit_back").code == "restore_unit_failed"


def test_a_unit_that_does_not_start_is_told(node: RestoreNode) -> None:
    node.stubs = {"systemctl": UNIT.format(folder=node.folder, start=":")}
    assert node.run("start_unit").code == "restore_unit_failed"
    node.stubs = {"systemctl": "echo 'Unit etcd.service not found.' >&2; exit 5"}
    for script in ("start_unit", "stop_unit"):
        ended = node.run(script)
        assert ended.code == "restore_unit_failed"
        assert "not found" in ended.report["message"]


def test_a_kubelet_is_restarted(node: RestoreNode) -> None:
    node.stubs = {"systemctl": "exit 0"}
    assert node.done("restart_kubelet") == {"active": True}
    node.stubs = {"systemctl": '[ "$1" = restart ]'}
    assert node.run("restart_kubelet").code == "kubelet_not_active"


def test_a_kubelet_that_ends_a_second_later_is_not_active(node: RestoreNode) -> None:
    node.stubs = {"systemctl": f'[ "$1" = restart ] || mkdir {node.folder}/looked 2>/dev/null'}
    assert node.run("restart_kubelet").code == "kubelet_not_active"
