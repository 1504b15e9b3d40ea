"""node/openshift_backup.sh and openshift_bundle.sh around a stand-in of cluster-backup.sh: a pair comes in whole, or
nothing of it stays."""

import hashlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builders.node_snapshot import WaitingUpload
from builders.real_etcd import RealEtcd
from builders.shell import Ended, Shell
from builders.vendor_backup import COMPONENTS, ENCRYPTION, OC, STAMP, VendorHost, static_resources
from builders.waiting import wait_for
from holdfast.facts.certificates import read_certificates
from holdfast.models.node import BundleReport, SnapshotReport

SHELLS: tuple[Shell, ...] = ("dash", "busybox", "bash")


@pytest.fixture
def upload(client: Any, bucket: str) -> WaitingUpload:
    return WaitingUpload(client, bucket)


@pytest.fixture
def host(tmp_path: Path, etcd: RealEtcd) -> VendorHost:
    return VendorHost(tmp_path, etcd)


def left(host: VendorHost, step: str = "step.1") -> set[str]:
    return {path.name for path in (host.steps / step).iterdir()} - {"script", "progress", "saying", "leftovers"}


def of_step(host: VendorHost) -> list[str]:
    """Processes that the vendor's script of that step started, or that it is."""
    mark = f"HOLDFAST_STEP={host.steps / 'step.1'}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def failed(host: VendorHost, upload: WaitingUpload, **values: str) -> Ended:
    """It gave up, and nothing of its work is left."""
    ended = host.backup(upload, **values).run()
    assert ended.exit_code == 1, ended
    assert left(host) == set()
    assert of_step(host) == []
    return ended


@pytest.mark.parametrize("shell", SHELLS)
def test_both_files_of_one_moment_arrive_and_are_what_the_script_made(
    tmp_path: Path, etcd: RealEtcd, upload: WaitingUpload, shell: Shell
) -> None:
    host = VendorHost(tmp_path, etcd, shell, archive=static_resources(encryption=ENCRYPTION))
    ended = host.backup(upload).run()
    assert ended.exit_code == 0, ended
    report = SnapshotReport.model_validate(ended.report)
    assert not report.possibly_dirty
    assert report.warnings == ()
    raw = subprocess.run(["zstd", "-dc"], input=upload.complete(), capture_output=True, check=True, timeout=60).stdout
    assert hashlib.sha256(raw[:-32]).hexdigest() == raw[-32:].hex() == report.sha256
    assert left(host) == {"kept"}
    assert {path.name for path in (host.steps / "step.1" / "kept").iterdir()} == {
        "database",
        f"static_kuberesources_{STAMP}.tar.gz",
    }

    sent = host.bundle(upload, "step.1", report.sha256).run()
    assert sent.exit_code == 0, sent
    bundle = BundleReport.model_validate(sent.report)
    stored = upload.client.get_object(Bucket=upload.bucket, Key="bundle")["Body"].read()
    assert stored == host.archive
    assert (bundle.compression, bundle.size) == ("gzip", len(stored))
    assert bundle.object_sha256 == hashlib.sha256(stored).hexdigest()
    assert bundle.files == 3 * len(COMPONENTS) + 1
    assert bundle.encryption_keys == ("aescbc:7",)
    public = upload.client.get_object(Bucket=upload.bucket, Key="certificates")["Body"].read().decode()
    assert "PRIVATE" not in public
    paths = {certificate.path for certificate in read_certificates(public)}
    assert paths == {
        f"/etc/kubernetes/static-pod-resources/{name}-pod-6/secrets/serving/tls.crt" for name in COMPONENTS
    }
    assert left(host, "step.2") == set()
    assert left(host) == set(), "the store has it"
    assert host.bundle(upload, "step.1", report.sha256, step="step.3").run().code == "openshift_pair_lost"


def test_a_forced_pair_says_that_it_is_possibly_dirty(host: VendorHost, upload: WaitingUpload) -> None:
    ended = host.backup(upload, force="1").run()
    assert ended.exit_code == 0, ended
    assert SnapshotReport.model_validate(ended.report).possibly_dirty
    assert (host.steps / "step.1" / "kept" / f"static_kuberesources_{STAMP}__POSSIBLY_DIRTY__.tar.gz").is_file()


def test_a_script_that_knows_no_force_is_not_given_it(host: VendorHost, upload: WaitingUpload) -> None:
    host.knows_force = False
    ended = host.backup(upload, force="1").run()
    assert ended.exit_code == 0, ended
    assert not SnapshotReport.model_validate(ended.report).possibly_dirty


PROGRESSING = (
    "Currently the kube-apiserver operator is progressing. A reliable backup requires that a rollout is not in "
    "progress.  Aborting!"
)
UNKNOWN = (
    "Could not find the status of the etcd. Check if the API server is running. Pass the --force flag to skip checks."
)
NO_PODS = "error finding static-pod-resources for the kube-scheduler pod. please check if it is running."
WRONG = "required dependencies not found, please ensure this script is run on a node with a functional etcd static pod"
LINES = [
    (PROGRESSING, "openshift_progressing"),
    (UNKNOWN, "openshift_operators_unknown"),
    ("error finding manifests for the etcd pod. please check if it is running.", "openshift_not_control_plane"),
    (NO_PODS, "openshift_not_control_plane"),
    (WRONG, "openshift_no_etcd_pod"),
    ("Could neither pull etcdctl nor find it locally in cache. Aborting!", "openshift_no_etcdctl"),
    ("Backup integrity verification failed. Backup appears corrupted. Aborting!", "openshift_snapshot_corrupt"),
    ("This script must be run as root", "node_not_root"),
    ("tar: /etc/kubernetes: Cannot open: Permission denied", "openshift_backup_failed"),
    ("Error: write snapshot: no space left on device", "node_disk_full"),
]


@pytest.mark.parametrize(("line", "code"), LINES, ids=[f"{code}-{number}" for number, (_, code) in enumerate(LINES)])
def test_each_line_that_the_script_gives_up_with_has_a_code_and_leaves_nothing(
    host: VendorHost, upload: WaitingUpload, line: str, code: str
) -> None:
    """It ends by itself, which no trap of its own notices: the archive that it has made stays behind."""
    host.middle = f'echo "{line}"; exit 1'
    ended = failed(host, upload)
    assert ended.code == code
    assert line.partition("  ")[0] in ended.report["message"]


LIES = [
    ("success without a word", "exit 0", "openshift_backup_unfinished"),
    (
        "success somewhere else",
        'echo "snapshot db and kube resources are successfully saved to /tmp/x"; exit 0',
        "openshift_backup_unfinished",
    ),
    ("a database that is cut", 'dd if=/dev/null of="$snapshot" bs=1 seek=8192032 2>/dev/null', "node_snapshot_damaged"),
    (
        "one byte that flipped",
        'printf X | dd of="$snapshot" bs=1 seek=5000000 conv=notrunc 2>/dev/null',
        "node_snapshot_damaged",
    ),
    ("an empty database", ': >"$snapshot"', "node_snapshot_empty"),
    ("no database", 'rm "$snapshot"', "openshift_no_pair"),
    ("no archive", 'rm "$archive"', "openshift_no_pair"),
    (
        "two pairs",
        "cp $snapshot snapshot_2026-11-20_154301.db; cp $archive static_kuberesources_2026-11-20_154301.tar.gz",
        "openshift_no_pair",
    ),
    ("files of two moments", 'mv "$archive" static_kuberesources_2026-11-20_154301.tar.gz', "openshift_no_pair"),
    (
        "a moment that is none",
        'mv "$archive" static_kuberesources_x.tar.gz; mv "$snapshot" snapshot_x.db',
        "openshift_no_pair",
    ),
    ("a link for a file", 'mv "$archive" ../a; ln -s /nowhere "$archive"', "openshift_no_pair"),
    ("an archive that is cut", 'dd if=/dev/null of="$archive" bs=1 seek=700 2>/dev/null', "openshift_archive_damaged"),
]


@pytest.mark.parametrize(("after", "code"), [case[1:] for case in LIES], ids=[case[0] for case in LIES])
def test_a_script_that_lies_is_not_believed(host: VendorHost, upload: WaitingUpload, after: str, code: str) -> None:
    host.after = after
    assert failed(host, upload).code == code


def test_an_archive_without_one_of_the_four_components_is_no_backup(host: VendorHost, upload: WaitingUpload) -> None:
    host.archive = static_resources(COMPONENTS[:3])
    ended = failed(host, upload)
    assert ended.code == "openshift_archive_incomplete"
    assert "kube-scheduler" in ended.report["message"]


def test_a_host_without_the_script_says_so(host: VendorHost, upload: WaitingUpload) -> None:
    assert failed(host, upload, cluster_backup="/nowhere/cluster-backup.sh").code == "openshift_script_missing"


def test_another_member_than_the_planned_one_is_not_taken(host: VendorHost, upload: WaitingUpload) -> None:
    assert failed(host, upload, member_id="17").code == "etcd_member_moved"


def test_a_script_that_hangs_is_ended_with_all_that_it_started(host: VendorHost, upload: WaitingUpload) -> None:
    """crictl and podman may hang; one of them does not listen to a signal either."""
    host.middle = "(trap '' TERM; sleep 300) & sleep 300"
    ended = failed(host, upload, vendor_s="1")
    assert ended.code == "openshift_backup_timeout"
    assert "found latest kube-scheduler" in ended.report["message"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("where", ["middle", "after"])
def test_a_step_that_is_stopped_takes_the_script_with_it(
    tmp_path: Path, etcd: RealEtcd, upload: WaitingUpload, shell: Shell, where: str
) -> None:
    """The signal reaches the step alone here; step.sh sends it to the whole session."""
    host = VendorHost(tmp_path, etcd, shell)
    setattr(host, where, f": >{tmp_path}/there; sleep 300")
    with host.backup(upload).start() as process:
        wait_for(lambda: (tmp_path / "there").exists(), "the script at work")
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert left(host) == set()
    assert of_step(host) == []


def test_what_a_killed_step_would_keep_is_noted_before_it_is_there(host: VendorHost, upload: WaitingUpload) -> None:
    """step.sh removes what is noted; a step that ended well takes the note back."""
    host.middle = "cat ../../leftovers"
    program = host.backup(upload)
    ended = program.run()
    assert str(program.folder / "kept") in ended.stderr
    assert not (program.folder / "leftovers").exists()


def test_the_clusters_proxy_is_the_scripts_alone_and_asked_for_when_it_runs(
    host: VendorHost, upload: WaitingUpload
) -> None:
    host.oc = OC.format(http="http://u:p@127.0.0.1:9", https="http://u:p@127.0.0.1:9", no=".cluster.local")
    host.before = 'echo "with $HTTP_PROXY $HTTPS_PROXY $NO_PROXY"; unset HTTP_PROXY HTTPS_PROXY'
    program = host.backup(upload)
    ended = program.run()
    assert ended.exit_code == 0, ended
    assert "with http://u:p@127.0.0.1:9 http://u:p@127.0.0.1:9 .cluster.local" in ended.stderr
    assert "u:p" not in program.command.script + str(program.command.values)


def test_a_proxy_that_nobody_tells_is_a_warning_and_no_failure(host: VendorHost, upload: WaitingUpload) -> None:
    host.oc = "echo 'The connection to the server localhost:6443 was refused' >&2; exit 1"
    ended = host.backup(upload, force="1").run()
    assert ended.exit_code == 0, ended
    assert ended.report["warnings"] == [
        "the cluster's proxy is not known: The connection to the server localhost:6443 was refused"
    ]


def test_too_little_room_is_told_before_the_script_runs(host: VendorHost, upload: WaitingUpload) -> None:
    host.before = f": >{host.folder}/ran"
    assert failed(host, upload, expected_bytes=str(1 << 50)).code == "node_disk_short"
    assert not (host.folder / "ran").exists()


@pytest.mark.parametrize(
    ("kept", "sha256"), [("step.9", ""), ("step.1", "0" * 64)], ids=["gone", "of another snapshot"]
)
def test_a_bundle_without_its_database_is_not_sent(
    host: VendorHost, upload: WaitingUpload, kept: str, sha256: str
) -> None:
    ended = host.backup(upload).run()
    sent = host.bundle(upload, kept, sha256 or ended.report["sha256"]).run()
    assert sent.code == "openshift_pair_lost"
    assert "Contents" not in upload.client.list_objects_v2(Bucket=upload.bucket, Prefix="bundle")


def test_two_steps_keep_a_pair_each_and_never_mix_them(host: VendorHost, upload: WaitingUpload) -> None:
    """Another attempt: the first one's archive does not go with the second one's database."""
    first = host.backup(upload, step="step.1").run()
    host.etcd.put("/kubernetes.io/namespaces/new", b"x")
    host.archive = static_resources(encryption=ENCRYPTION)
    second = host.backup(upload, step="step.3").run()
    assert first.report["sha256"] != second.report["sha256"]
    assert host.bundle(upload, "step.1", second.report["sha256"], step="step.4").run().code == "openshift_pair_lost"
    assert host.bundle(upload, "step.3", second.report["sha256"], step="step.5").run().exit_code == 0
    assert upload.client.get_object(Bucket=upload.bucket, Key="bundle")["Body"].read() == host.archive
