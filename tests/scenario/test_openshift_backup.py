"""Whole backups of OpenShift through its hosts: a real sshd, a real etcd, the vendor's scripts as doubles of each
generation."""

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builders.machine import BackupMachine
from builders.node_services import CLUSTER, NodeServices
from builders.openshift_node import OpenShiftNode
from builders.openshift_services import OpenShiftScene, openshift_scene
from builders.waiting import wait_for
from holdfast.engine.catalog import find_backup, load_manifest, read_catalog
from holdfast.engine.verification import load_report, verify_and_record
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.backup import Manifest
from holdfast.models.run import Outcome

SCRIPT = "/usr/local/bin/cluster-backup.sh"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@pytest.fixture(scope="module", params=["4.4", "4.6", "4.11", "4.18"])
def each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftScene]:
    with openshift_scene(tmp_path_factory.mktemp("openshift"), request.param) as made:
        yield made


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftScene]:
    with openshift_scene(tmp_path_factory.mktemp("openshift"), "4.18", 3) as made:
        yield made


def manifest_of(services: NodeServices, outcome: Outcome) -> Manifest:
    assert outcome.status == "succeeded", outcome.error
    assert outcome.backup_id
    return load_manifest(services.reader, CLUSTER, outcome.backup_id)[0]


def nothing_is_left(made: OpenShiftScene, services: NodeServices) -> None:
    assert made.left() == []
    assert services.unfinished() == []


def nothing_was_made(made: OpenShiftScene, services: NodeServices, outcome: Outcome) -> None:
    """No backup, and nothing of one anywhere."""
    nothing_is_left(made, services)
    assert outcome.backup_id
    assert find_backup(services.reader, CLUSTER, outcome.backup_id) is None
    assert services.stored(1) == []


@contextmanager
def instead(node: OpenShiftNode, text: str) -> Iterator[None]:
    """The vendor's script under another name, and this one in its place."""
    real = node.path(SCRIPT)
    kept = real.read_text()
    node.write(f"{SCRIPT}.real", kept, mode=0o755)
    node.write(SCRIPT, f"#!/bin/bash\n# knows --force\n{text}\n", mode=0o755)
    yield
    node.write(SCRIPT, kept, mode=0o755)


def test_a_backup_is_the_pair_that_the_vendors_script_makes(each: OpenShiftScene) -> None:
    services = each.services()
    manifest = manifest_of(services, each.backup(services, repeat=True))
    assert (manifest.source.driver, manifest.source.transport) == ("openshift", "ssh")
    assert manifest.source.platform_version == each.version
    assert not manifest.possibly_dirty
    report = load_report(services.reader, CLUSTER, manifest.backup_id)
    assert report.database.hash_kv is not None
    endpoint = each.cluster.endpoints[0]
    assert each.cluster.client().hash_kv(endpoint, report.database.head.revision).hash == report.database.hash_kv.hash
    assert report.database.live_keys > 20

    (bundle,) = manifest.bundles
    assert (bundle.node, bundle.compression) == (manifest.source.node, "gzip")
    body = services.secrets_reader.read(bundle.key)
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        pods = sorted(name for name in archive.getnames() if name.endswith("-pod.yaml"))
    assert pods == [f"static-pod-resources/{name}-pod-3/{name}-pod.yaml" for name in COMPONENTS]
    assert bundle.encryption_keys == ("aescbc:key1",)
    assert bundle.certificates
    nothing_is_left(each, services)


def test_a_forced_backup_is_possibly_dirty_and_never_verified(each: OpenShiftScene) -> None:
    """4.4's script has no such option and checks nothing; ours is what was passed over there."""
    services = each.services()
    outcome = each.backup(services, force=True)
    manifest = manifest_of(services, outcome)
    assert manifest.possibly_dirty
    assert any("possibly dirty" in warning for warning in outcome.warnings)
    (entry,) = read_catalog(services.reader, CLUSTER).entries
    assert (entry.state, entry.possibly_dirty) == ("sealed", True)
    with tempfile.TemporaryDirectory() as folder, pytest.raises(RefusedError) as refused:
        verify_and_record(services, CLUSTER, manifest.backup_id, work_dir=Path(folder))
    assert refused.value.code == "backup_possibly_dirty"
    with pytest.raises(PermanentError, match="backup_not_verified"):
        load_report(services.reader, CLUSTER, manifest.backup_id)
    nothing_is_left(each, services)


def test_one_host_of_three_makes_the_backup(newest: OpenShiftScene) -> None:
    services = newest.services()
    manifest = manifest_of(services, newest.backup(services))
    assert manifest.source.node in {node.name for node in newest.cluster.nodes}
    assert [bundle.node for bundle in manifest.bundles] == [manifest.source.node]
    nothing_is_left(newest, services)


@pytest.mark.parametrize("phase", ["Snapshot", "Secrets", "Seal"])
def test_a_run_that_dies_leaves_nothing_on_the_host(newest: OpenShiftScene, phase: str) -> None:
    """Before Secrets and Seal the archive lies in its step's directory, or has just gone from there."""
    services = newest.services()

    def die(entered: str) -> None:
        if entered == phase:
            raise PermanentError("storage_access_denied", "no more")

    nothing_was_made(newest, services, newest.backup(services, on_phase=die))


def test_a_run_that_dies_while_the_script_runs_ends_the_script(newest: OpenShiftScene) -> None:
    services = newest.services()

    def die(machine: BackupMachine) -> None:
        if machine.state and machine.state.pending and machine.state.pending.stage == "snapshot":
            wait_for(lambda: any("cluster-backup" in line for line in newest.left()), "the script at work")
            raise PermanentError("storage_access_denied", "no more")

    first, second, third = newest.cluster.nodes
    with instead(first, "sleep 300"), instead(second, "sleep 300"), instead(third, "sleep 300"):
        outcome = newest.backup(services, on_wait=die)
    assert outcome.status == "failed"
    nothing_was_made(newest, services, outcome)


LIES = {
    "a database that is cut": (
        f'{SCRIPT}.real "$@" >/tmp/said || exit; truncate -s -512 "$1"/snapshot_*.db; cat /tmp/said',
        "node_snapshot_damaged",
    ),
    "two pairs": (
        f'{SCRIPT}.real "$@" || exit; sleep 1; {SCRIPT}.real "$@"',
        "openshift_no_pair",
    ),
    "no archive": (f'{SCRIPT}.real "$@" || exit; rm "$1"/static_*', "openshift_no_pair"),
    "a disk that is full": ('mkdir -p "$1"; echo "write: no space left on device"; exit 1', "node_disk_full"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_script_that_lies_makes_no_backup(newest: OpenShiftScene, name: str) -> None:
    services = newest.services()
    text, code = LIES[name]
    hosts = newest.cluster.nodes
    with instead(hosts[0], text), instead(hosts[1], text), instead(hosts[2], text):
        outcome = newest.backup(services)
    assert outcome.error
    assert outcome.error.code == code
    nothing_was_made(newest, services, outcome)


def test_a_privileged_pod_makes_the_same_backup_as_ssh(newest: OpenShiftScene) -> None:
    with newest.services_by_pod() as services:
        manifest = manifest_of(services, newest.backup(services))
        assert (manifest.source.transport, manifest.source.platform_version) == ("kubernetes", newest.version)
        (bundle,) = manifest.bundles
        assert (bundle.node, bundle.encryption_keys) == (manifest.source.node, ("aescbc:key1",))
        assert services.unfinished() == []
