"""Whole backups through real nodes, over a real sshd, with what goes wrong there."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builders.kubeadm_node import KubeadmNode
from builders.node_services import CLUSTER, NodeServices, Scene, scene
from builders.waiting import wait_for
from holdfast.engine.catalog import load_manifest
from holdfast.engine.verification import load_report
from holdfast.models.backup import Manifest
from holdfast.models.plan import BackupPlan
from holdfast.models.run import Outcome
from holdfast.planning.naming import backup_key


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("nodes"), encryption=True) as made:
        yield made


SECRET = ("secrets", "private.pem", "sealed")


def manifest_of(services: NodeServices, outcome: Outcome) -> Manifest:
    assert outcome.status == "succeeded", outcome.error
    assert outcome.backup_id
    return load_manifest(services.reader, CLUSTER, outcome.backup_id)[0]


@contextmanager
def hasty(made: Scene) -> Iterator[Callable[[str], None]]:
    """Pauses between tries of the nodes' programs are short from the phase Snapshot on; their time limits are not."""

    def on_phase(phase: str) -> None:
        if phase == "Snapshot":
            for node in made.cluster.nodes:
                text = '#!/bin/sh\ncase $1 in ? | ??) set -- 0.05 ;; esac\nexec /usr/bin/sleep "$@"\n'
                node.write("/usr/local/bin/sleep", text, mode=0o755)

    yield on_phase
    for node in made.cluster.nodes:
        node.path("/usr/local/bin/sleep").unlink(missing_ok=True)


def chosen_node(services: NodeServices) -> str:
    (plan,) = (key for key in services.stored() if key.endswith("plan.json"))
    return BackupPlan.model_validate_json(services.reader.read(plan)).member.node


def left_on(made: Scene) -> list[str]:
    """Large files, secrets and processes of ours on any node."""
    found = []
    for node in made.cluster.nodes:
        paths = (*node.path("/var/lib/holdfast").rglob("*"), *node.path("/var/lib/etcd").glob("holdfast*"))
        files = (path for path in paths if path.is_file())
        found += [f"{node.name}: {path}" for path in files if path.stat().st_size > 65_536 or path.name in SECRET]
        found += [f"{node.name}: {line}" for line in node.command_lines() if "holdfast-step" in line]
    return found


def test_a_backup_is_what_the_members_have_and_bundles_what_a_restore_needs(three: Scene) -> None:
    services = three.services()
    manifest = manifest_of(services, three.backup(services))
    report = load_report(services.reader, CLUSTER, manifest.backup_id)
    live = {
        three.cluster.client().hash_kv(each, report.database.head.revision).hash for each in three.cluster.endpoints
    }
    assert report.database.hash_kv is not None
    assert live == {report.database.hash_kv.hash}
    assert (manifest.source.transport, manifest.source.node) == ("ssh", manifest.source.member_name)
    assert [bundle.node for bundle in manifest.bundles] == ["n1", "n2", "n3"]
    for bundle in manifest.bundles:
        assert bundle.encryption_keys
        assert {Path(each.path).name for each in bundle.certificates} >= {"ca.crt", "apiserver.crt", "server.crt"}
    key = backup_key(CLUSTER, manifest.backup_id, "runbook.md")
    page = services.reader.read(key).decode()
    assert "SNAPSHOTS=snapshots" in page
    assert "## Nodes that lost their files" in page
    assert "SECRETS=secrets" in page
    stored = [path.rpartition("/")[2] for path in services.stored() if path.startswith(key.rpartition("/")[0])]
    assert [name for name in stored if name.endswith(".md")] == ["runbook.md"]
    assert left_on(three) == []
    assert services.unfinished() == []


def test_a_bundle_holds_the_files_of_its_node_and_the_live_ones_are_as_they_were(three: Scene, tmp_path: Path) -> None:
    before = {path: path.stat() for path in three.cluster.nodes[0].path("/etc/kubernetes").rglob("*")}
    services = three.services()
    manifest = manifest_of(services, three.backup(services))
    body = services.secrets_reader.read(manifest.bundles[0].key)
    listed = subprocess.run(["tar", "--zstd", "-t"], input=body, capture_output=True, check=True).stdout.decode()
    for wanted in (
        "pki/ca.key",
        "pki/etcd/ca.key",
        "pki/sa.key",
        "admin.conf",
        "manifests/etcd.yaml",
        "kubelet/config.yaml",
        "kubelet/pki/kubelet-client-current.pem",
        "kubelet/pki/kubelet-client-2026-11-20-15-43-00.pem",
    ):
        assert wanted in listed
    after = {path: path.stat() for path in before}
    assert {path: (stat.st_mode, stat.st_mtime, stat.st_uid) for path, stat in before.items()} == {
        path: (stat.st_mode, stat.st_mtime, stat.st_uid) for path, stat in after.items()
    }


def test_what_a_manifest_says_of_secrets_holds_none(three: Scene) -> None:
    services = three.services()
    manifest = manifest_of(services, three.backup(services))
    text = manifest.model_dump_json()
    assert "PRIVATE KEY" not in text
    assert "X-Amz-Signature" not in text


def test_a_node_that_is_down_costs_a_warning_and_no_backup(three: Scene) -> None:
    services = three.services()
    down = three.cluster.node("n3")
    down.stop()
    try:
        manifest = manifest_of(services, three.backup(services))
    finally:
        down.start()
        three.cluster.wait_until_healthy()
    assert [bundle.node for bundle in manifest.bundles] == ["n1", "n2"]
    assert any("n3" in warning for warning in manifest.warnings)


def test_a_node_that_reboots_in_mid_snapshot_starts_it_anew(three: Scene) -> None:
    services = three.services()
    rebooted: list[str] = []

    def reboot(machine: object) -> None:
        state = machine.state  # type: ignore[attr-defined]
        if not rebooted and state.pending and state.pending.stage == "snapshot":
            node = three.cluster.node(state.pending.steps[0].node)
            rebooted.append(node.name)
            # A step whose process is not noted yet is given a minute: that is tests/unit/transports/test_steps.py.
            note = node.path("/var/lib/holdfast/steps") / state.pending.steps[0].key / "process"
            wait_for(note.exists, "the step's process", 10)
            node.reboot()
            three.cluster.wait_until_healthy()

    manifest = manifest_of(services, three.backup(services, on_wait=reboot))
    assert rebooted == [manifest.source.node]
    assert left_on(three) == []


def test_a_snapshot_command_that_ends_well_and_writes_nothing_is_no_backup(three: Scene) -> None:
    services = three.services()
    for node in three.cluster.nodes:
        node.break_crictl("silent")
    try:
        outcome = three.backup(services)
    finally:
        for node in three.cluster.nodes:
            node.break_crictl("")
    assert outcome.status in ("failed", "refused")
    assert [key for key in services.stored() if key.endswith((".zst", ".gz", "manifest.json"))] == []
    assert services.stored(1) == []


def test_a_store_that_only_the_nodes_cannot_reach_is_said_so(three: Scene) -> None:
    services = three.services(node_url="http://127.0.0.1:9")
    with hasty(three) as on_phase:
        outcome = three.backup(services, on_phase=on_phase)
    assert outcome.status == "failed"
    assert outcome.error
    assert outcome.error.code == "upload_unreachable"
    assert "node" in outcome.error.hint
    assert services.unfinished() == []
    assert left_on(three) == []


def test_a_clock_that_is_off_by_ten_minutes_is_a_warning_with_the_seconds(three: Scene) -> None:
    services = three.services()
    node = three.cluster.node("n2")
    node.write(
        "/usr/local/bin/date",
        '#!/bin/sh\n[ "$*" = +%s ] && exec /usr/bin/date -d "10 minutes" +%s\nexec /usr/bin/date "$@"\n',
        mode=0o755,
    )
    try:
        manifest = manifest_of(services, three.backup(services))
    finally:
        node.path("/usr/local/bin/date").unlink()
    (warning,) = (each for each in manifest.warnings if "clock" in each)
    assert "n2" in warning
    # The least that it can be: what a look takes on a loaded machine is taken off.
    assert any(f"{seconds}" in warning for seconds in range(570, 602))


def test_without_zstd_the_snapshot_comes_in_gzip_and_is_verified(three: Scene) -> None:
    services = three.services()
    try:
        for node in three.cluster.nodes:
            node.hide("zstd")
        manifest = manifest_of(services, three.backup(services))
    finally:
        for node in three.cluster.nodes:
            node.reboot()
        three.cluster.wait_until_healthy()
    assert manifest.snapshot.compression == "gzip"
    assert manifest.snapshot.key.endswith("snapshot.db.gz")
    assert {bundle.compression for bundle in manifest.bundles} == {"gzip"}


def test_a_member_that_left_its_node_since_the_plan_is_not_looked_for_elsewhere(three: Scene) -> None:
    services = three.services()
    stopped: list[KubeadmNode] = []
    with hasty(three) as make_haste:

        def stop(phase: str) -> None:
            make_haste(phase)
            if phase == "Snapshot" and not stopped:
                stopped.append(three.cluster.node(chosen_node(services)))
                stopped[0].stop_etcd()

        outcome = three.backup(services, on_phase=stop)
    stopped[0].start_etcd()
    three.cluster.wait_until_healthy()
    assert outcome.error
    assert outcome.error.code == "node_etcd_not_running"
    assert stopped[0].name in outcome.error.message
    assert left_on(three) == []
    assert services.unfinished() == []


def test_a_failed_run_gives_its_lease_back_and_the_next_one_succeeds(three: Scene) -> None:
    services = three.services(node_url="http://127.0.0.1:9")
    with hasty(three) as on_phase:
        assert three.backup(services, on_phase=on_phase).status == "failed"
    again = three.services()
    again.leases = services.leases
    assert manifest_of(again, three.backup(again)).bundles
