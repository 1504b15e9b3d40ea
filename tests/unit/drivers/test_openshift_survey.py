"""openshift_survey.sh on a host that is a folder, under the shells of nodes, and what the driver reads in it."""

import base64
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from builders.frames import printed
from builders.openshift_host import (
    ANSWERS,
    API_IMAGE,
    BACKUP,
    DRIVER,
    IMAGE,
    REFUSED,
    RESOURCES,
    SCRIPTS,
    etcd_env,
    openshift_host,
    survey_of,
)
from builders.shell import Shell
from holdfast.drivers.openshift.survey import FORMAT
from holdfast.errors import PermanentError
from holdfast.models.command import CommandResult
from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import OPERATORS, OpenShiftCluster, OpenShiftView

SHELLS = [shell for shell in get_args(Shell) if shell != "bash"]


def read(result: CommandResult) -> NodeSurvey:
    assert result.exit_code == 0, result.stderr
    now = datetime.now(UTC)
    return DRIVER.read_survey("m0", result, asked_at=now - timedelta(seconds=60), read_at=now)


def view(result: CommandResult) -> OpenShiftView:
    found = read(result).openshift
    assert found is not None
    return found


def cluster(result: CommandResult) -> OpenShiftCluster:
    found = view(result).cluster
    assert found is not None
    return found


@pytest.mark.parametrize("shell", SHELLS)
def test_a_host_tells_its_member_its_api_server_and_what_lies_there(tmp_path: Path, shell: Shell) -> None:
    survey = read(survey_of(tmp_path / "host", openshift_host(tmp_path / "root"), shell))
    assert (survey.node, survey.node_name, survey.topology) == ("m0", "master-0.example", "stacked")
    assert (survey.boot_id, survey.clock_offset_s, survey.etcd_problem) == ("a-boot", 0, "")
    layout = survey.etcd
    assert layout is not None
    assert (layout.name, layout.namespace, layout.container) == ("master-0.example", "openshift-etcd", True)
    assert (layout.client_urls, layout.peer_urls) == (("https://10.0.0.10:2379",), ("https://10.0.0.10:2380",))
    assert (layout.data_dir, layout.host_data_dir, layout.image) == ("/var/lib/etcd", "/var/lib/etcd", IMAGE)
    certs = f"/{RESOURCES}/etcd-certs"
    assert layout.ca == f"{certs}/configmaps/etcd-serving-ca/ca-bundle.crt"
    assert layout.cert == f"{certs}/secrets/etcd-all-certs/etcd-peer-master-0.example.crt"
    assert layout.key == f"{certs}/secrets/etcd-all-certs/etcd-peer-master-0.example.key"
    api = survey.apiserver
    assert api is not None
    assert api.url == "https://10.0.0.10:6443"
    assert len(api.etcd_servers) == 3
    # The revision that runs, not the one before it.
    assert api.encryption_config == f"/{RESOURCES}/kube-apiserver-pod-5/secrets/encryption-config/encryption-config"
    assert survey.bundle_paths == tuple(
        sorted(f"/{RESOURCES}/{name}-pod-{number}" for number, name in enumerate(OPERATORS, start=4))
    )
    host = survey.openshift.host if survey.openshift else None
    assert host is not None
    assert (host.generation, host.can_force, host.has_oc, host.raft_index) == ("4.18", True, True, 81234)
    assert host.scripts == ("cluster-backup.sh", "cluster-restore.sh", "disable-etcd.sh", "quorum-restore.sh")
    assert (host.etcd_image, host.apiserver_image) == (IMAGE, API_IMAGE)
    assert (host.data_entries, host.saved_before) == (("member", "revision.json"), False)
    assert host.manifests == tuple(sorted(f"{name}-pod.yaml" for name in OPERATORS))


@pytest.mark.parametrize("shell", SHELLS)
def test_the_api_of_the_host_tells_the_cluster(tmp_path: Path, shell: Shell) -> None:
    found = cluster(survey_of(tmp_path / "host", openshift_host(tmp_path / "root"), shell))
    assert (found.version, found.progressing) == ("4.18.12", "False")
    assert found.created_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert (found.topology, found.platform, found.infrastructure) == ("HighlyAvailable", "AWS", "prod-x7k2p")
    assert {each.name for each in found.operators} == set(OPERATORS)
    assert {(each.available, each.progressing, each.degraded) for each in found.operators} == {
        ("True", "False", "False")
    }
    servers = {each.server: (each.reason, each.message) for each in found.encryption}
    assert set(servers) == {"kubeapiserver", "openshiftapiserver", "authentication"}
    assert servers["kubeapiserver"] == ("EncryptionCompleted", "All resources encrypted: secrets, configmaps")
    assert (found.members_available, found.members_message) == ("True", "3 members are available")
    assert (found.proxy, found.guard_off, found.machine_set) == (False, False, "Active")
    assert [each.name for each in found.nodes] == [f"master-{number}.example" for number in (0, 1, 2)]
    first = found.nodes[0]
    assert (first.ready, first.unreachable, first.addresses) == ("True", False, ("10.0.0.0", "master-0.example"))
    assert first.ready_since == datetime(2026, 3, 1, 8, 20, tzinfo=UTC)
    assert [(each.node, each.phase, each.state) for each in found.machines][2] == (
        "master-2.example",
        "Running",
        "running",
    )
    assert [(each.node, each.ready, each.restarts, each.reason) for each in found.etcd_pods][2] == (
        ("master-2.example", True, 2, "")
    )
    assert found.unanswered == ()


@pytest.mark.parametrize("generation", sorted(BACKUP))
def test_the_scripts_tell_their_generation(tmp_path: Path, generation: str) -> None:
    host = view(survey_of(tmp_path / "host", openshift_host(tmp_path / "root", generation), oc=False)).host
    assert (host.generation, host.can_force) == (generation, generation != "4.4")
    assert ("disable-etcd.sh" in host.scripts) == (generation == "4.18")


def test_a_host_without_the_script_has_no_generation(tmp_path: Path) -> None:
    root = openshift_host(tmp_path / "root")
    (root / "usr/local/bin/cluster-backup.sh").unlink()
    assert view(survey_of(tmp_path / "host", root)).host.generation is None


def test_an_api_that_is_down_is_asked_once_and_its_words_are_told(tmp_path: Path) -> None:
    result = survey_of(tmp_path / "host", openshift_host(tmp_path / "root"), answers=dict.fromkeys(ANSWERS))
    assert view(result).cluster is None
    assert view(result).silence == REFUSED
    assert unpacked(result).count("== api ") == 1


def test_a_question_that_fails_leaves_the_others(tmp_path: Path) -> None:
    root = openshift_host(tmp_path / "root")
    found = cluster(survey_of(tmp_path / "host", root, answers={"etcd cluster": None, "nodes ": None}))
    assert (found.version, found.members_available, found.nodes) == ("4.18.12", "", ())
    assert found.unanswered == (f"etcd: {REFUSED}", f"nodes: {REFUSED}")


def test_what_a_release_does_not_have_is_no_gap(tmp_path: Path) -> None:
    root = openshift_host(tmp_path / "root")
    found = cluster(survey_of(tmp_path / "host", root, absent=("controlplanemachinesets.",)))
    assert (found.machine_set, found.unanswered) == ("", ())


def test_no_question_begins_after_its_time(tmp_path: Path) -> None:
    result = survey_of(tmp_path / "host", openshift_host(tmp_path / "root"), limit_s="-1")
    assert (view(result).cluster, view(result).silence) == (None, "")


def test_without_oc_the_host_is_surveyed_all_the_same(tmp_path: Path) -> None:
    found = view(survey_of(tmp_path / "host", openshift_host(tmp_path / "root"), oc=False))
    assert (found.cluster, found.host.has_oc, found.host.generation) == (None, False, "4.18")


def unpacked(result: CommandResult) -> str:
    return zlib.decompress(base64.b64decode(result.stdout.splitlines()[1]), 31).decode()


@pytest.mark.parametrize("shell", SHELLS)
def test_no_secret_of_the_host_or_of_the_cluster_is_told(tmp_path: Path, shell: Shell) -> None:
    proxy = "http://user:s3cret@proxy:3128"
    result = survey_of(tmp_path / "host", openshift_host(tmp_path / "root"), shell, answers={"proxy cluster": proxy})
    text = unpacked(result)
    assert cluster(result).proxy
    assert "s3cret" not in text
    assert "proxy:3128" not in text
    assert "PRIVATE" not in text


def test_a_survey_stays_far_below_what_a_transport_keeps(tmp_path: Path) -> None:
    result = survey_of(tmp_path / "host", openshift_host(tmp_path / "root"))
    assert len(result.stdout) < 11_000
    assert not result.truncated


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no etcd.env in static-pod-resources/etcd-certs/configmaps/etcd-scripts"),
        (etcd_env(ETCDCTL_KEY=""), "etcd.env names no ETCDCTL_KEY"),
        (etcd_env().replace("NODE_master_0", "NODE_other"), "etcd.env has no address of master-0.example"),
        (etcd_env(NODE_master_0_example_ETCD_URL_HOST="$(id)"), "etcd.env has no address of master-0.example"),
    ],
)
def test_why_a_member_cannot_be_asked_is_told(tmp_path: Path, text: str, problem: str) -> None:
    root = openshift_host(tmp_path / "root")
    (root / SCRIPTS / "etcd.env").write_text(text)
    survey = read(survey_of(tmp_path / "host", root))
    assert (survey.etcd, survey.etcd_problem, survey.topology) == (None, problem, "stacked")


def test_an_address_of_the_sixth_version_is_put_in_brackets(tmp_path: Path) -> None:
    root = openshift_host(tmp_path / "root")
    text = etcd_env(NODE_master_0_example_IP="fd00::10").replace("NODE_master_0_example_ETCD_URL_HOST", "NODE_x")
    (root / SCRIPTS / "etcd.env").write_text(text)
    layout = read(survey_of(tmp_path / "host", root)).etcd
    assert layout is not None
    assert layout.client_urls == ("https://[fd00::10]:2379",)


def test_a_host_whose_etcd_was_moved_away_has_no_member(tmp_path: Path) -> None:
    root = openshift_host(tmp_path / "root")
    (root / "etc/kubernetes/manifests/etcd-pod.yaml").unlink()
    survey = read(survey_of(tmp_path / "host", root))
    assert (survey.etcd, survey.etcd_problem, survey.topology) == (None, "", "control-plane")
    assert survey.openshift is not None
    assert survey.openshift.host.etcd_image == IMAGE


def test_the_name_of_the_node_is_in_the_name_of_its_certificate_too(tmp_path: Path) -> None:
    root = openshift_host(tmp_path / "root")
    (root / "var/lib/kubelet/kubeconfig").unlink()
    assert read(survey_of(tmp_path / "host", root)).node_name == "master-0.example"


def test_what_a_restore_would_trip_over_is_seen(tmp_path: Path) -> None:
    root = openshift_host(tmp_path / "root")
    (root / "var/lib/etcd/lost+found").mkdir()
    (root / "var/lib/etcd/.hidden").write_text("")
    (root / "var/lib/etcd-backup/member").mkdir(parents=True)
    host = view(survey_of(tmp_path / "host", root)).host
    assert set(host.data_entries) == {"member", "revision.json", "lost+found", ".hidden"}
    assert host.saved_before


def test_a_crash_looping_pod_and_a_lost_node_are_told(tmp_path: Path) -> None:
    answers = {
        "pods ": "etcd-master-1\tmaster-1\tRunning\tFalse\t0 17 0\tCrashLoopBackOff CrashLoopBackOff\n",
        "nodes ": "master-2\tUnknown\t2026-03-02T00:00:00Z\tnode.kubernetes.io/unreachable node.kubernetes.io/x\t\n",
        "machines.": "gone-2\t\tProvisioned\t\n",
        "etcd cluster": "true\nFalse\n2 of 3 members are available,\nmaster-1 is unhealthy",
    }
    found = cluster(survey_of(tmp_path / "host", openshift_host(tmp_path / "root"), answers=answers))
    pod = found.etcd_pods[0]
    assert (pod.ready, pod.restarts, pod.reason) == (False, 17, "CrashLoopBackOff")
    assert (found.nodes[0].ready, found.nodes[0].unreachable, found.nodes[0].addresses) == ("Unknown", True, ())
    assert (found.machines[0].node, found.machines[0].phase, found.machines[0].state) == ("", "Provisioned", "")
    assert found.guard_off
    assert found.members_message == "2 of 3 members are available, master-1 is unhealthy"


@pytest.mark.parametrize(
    "sections",
    [
        {"about": "now=soon", "disks": "work /dev/a 1 1 1 1% /"},
        {"about": "now=1", "disks": ""},
        {},
    ],
)
def test_a_survey_that_lacks_clock_or_disk_is_unreadable(sections: dict[str, str]) -> None:
    with pytest.raises(PermanentError) as caught:
        read(printed(FORMAT, sections))
    assert caught.value.code == "node_output_unreadable"


HOSTILE = [
    "\t" * 40,
    "\n" * 40,
    "x" * 5000,
    '{"maxRaftIndex": true}',
    '{"maxRaftIndex": 1e400}',
    "\x1b[31m\t\x00",
    "[" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_answer_however_odd_ends_the_survey(text: str) -> None:
    least = {"about": "now=1\nuid=0", "disks": "work /dev/a 100 50 50 50% /"}
    names = ("version", "infrastructure", "operators", "encryption kubeapiserver", "etcd", "nodes", "machines", "pods")
    odd = {f"api {name}": text for name in names} | {"revision": text, "scripts": text, "data": text, "etcd-env": text}
    survey = read(printed(FORMAT, least | odd | {"api nodes failed": text, "manifests": text}))
    assert survey.etcd is None
    assert survey.openshift is not None
    assert survey.openshift.host.raft_index == 0
    told = survey.model_dump_json()
    assert "\\u001b" not in told
    assert len(told) < 40_000
