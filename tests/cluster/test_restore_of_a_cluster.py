"""A real control plane restored through the deployed state machine, over SSH; `make e2e`, HOLDFAST_E2E_RESTORE=yes.

And without any of it: by the page that lies beside its backup.
"""

import json
import uuid
from pathlib import Path

import pytest

from builders.real_cluster import RealCluster
from builders.real_restore import Restoring, skip_unless_allowed
from builders.runbook_reader import RunbookReader
from builders.waiting import wait_for
from cluster.test_backup_of_a_cluster import run, spec_for
from holdfast.engine.catalog import load_manifest
from holdfast.engine.clusters import apply_cluster
from holdfast.engine.signing import public_half
from holdfast.local.stack import StackInfo
from holdfast.planning.naming import RUNBOOK, backup_key
from holdfast.wiring import AwsServices


@pytest.fixture
def there(cluster: RealCluster, services: AwsServices, info: StackInfo) -> Restoring:
    skip_unless_allowed()
    spec = spec_for("ssh", cluster)
    apply_cluster(services, spec, replace=True)
    found = Restoring(cluster, services, info, spec.id)
    found.wait_for_the_api()
    return found


def backed_up(there: Restoring) -> str:
    ended = run(there.info, there.spec_id)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    return str(json.loads(ended["output"])["backup_id"])


def changed_since(there: Restoring) -> tuple[str, str, str]:
    """A backup, the name of an object that was in it and is gone, and that of one which was made since."""
    kept, made = (f"holdfast-{word}-{uuid.uuid4().hex[:6]}" for word in ("kept", "made"))
    there.make(kept)
    backup = backed_up(there)
    there.remove(kept)
    there.make(made)
    return backup, kept, made


def assert_restored(there: Restoring, run_id: str, kept: str, made: str) -> None:
    assert there.exists(kept)
    assert not there.exists(made)
    there.remove(kept)
    assert there.ready_nodes() >= len(there.cluster.nodes)
    status = there.status(run_id)
    assert status.plan is not None
    assert status.approval is not None
    assert status.record.status == "succeeded"
    assert {record.status for record in status.records if not record.undo} <= {"started", "done", "failed"}
    hashes = {
        (record.report["hash"], record.report["revision"])
        for record in status.records
        if record.step == "etcd-ready" and record.status == "done" and record.report
    }
    assert len({each for each, _ in hashes}) == 1
    if status.plan.hash_kv is not None and not any(
        record.report.get("bumped") for record in status.records if record.step == "rebuild"
    ):
        assert {each for each, _ in hashes} == {status.plan.hash_kv}
    for node in there.cluster.nodes:
        assert there.kept_data(node)
        assert there.plaintext(node) == ""
    there.services.leases.acquire(there.spec_id, "e2e", now=there.services.clock(), expires_at=there.services.clock())
    there.services.leases.release(there.spec_id, "e2e")


@pytest.mark.parametrize("mode", ["etcd", "full", "one-first"])
def test_what_went_since_the_backup_is_back_and_what_came_is_gone(there: Restoring, mode: str) -> None:
    backup, kept, made = changed_since(there)
    execution = there.start(backup=backup, mode=mode, allow=["cluster_healthy"])
    there.approve(execution.name)
    ended = there.wait(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert_restored(there, execution.name, kept, made)


def test_a_healthy_cluster_is_refused_in_words(there: Restoring) -> None:
    backup = backed_up(there)
    ended = there.wait(there.start(backup=backup, mode="etcd"))
    assert ended["status"] == "FAILED"
    assert ended["error"] == "cluster_healthy"
    assert "Nothing was changed" in ended["cause"]


@pytest.mark.parametrize("step", ["stop-etcd", "swap", "start-api"])
def test_a_run_that_is_killed_in_the_middle_is_resumed_and_ends_the_same(there: Restoring, step: str) -> None:
    backup, kept, made = changed_since(there)
    execution = there.start(backup=backup, mode="etcd", allow=["cluster_healthy"])
    there.approve(execution.name)
    there.wait_for_step(execution.name, step)
    there.stop(execution, execution.name)
    resumed = there.start(resume=execution.name)
    ended = there.wait(resumed)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert_restored(there, execution.name, kept, made)


def test_a_run_that_is_aborted_before_its_point_of_no_return_leaves_the_cluster_as_it_was(there: Restoring) -> None:
    backup, kept, made = changed_since(there)
    execution = there.start(backup=backup, mode="etcd", allow=["cluster_healthy"])
    there.approve(execution.name)
    there.wait_for_step(execution.name, "stop-etcd")
    there.stop(execution, execution.name)
    there.wait(there.start(abort=execution.name))
    there.wait_for_the_api()
    assert not there.exists(kept)
    assert there.exists(made)
    there.remove(made)
    record = there.record(execution.name)
    assert record is not None
    assert record.outcome is not None
    assert record.outcome.error is not None
    assert record.outcome.error.code == "run_aborted"


def test_a_control_plane_that_is_down_altogether_is_restored(there: Restoring) -> None:
    """Every member's database is destroyed: no member runs, no API server answers."""
    backup, kept, made = changed_since(there)
    destroy(there)
    execution = there.start(backup=backup, mode="etcd")
    there.approve(execution.name)
    ended = there.wait(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert_restored(there, execution.name, kept, made)


def test_the_page_beside_a_backup_brings_a_lost_control_plane_back(there: Restoring, tmp_path: Path) -> None:
    """With nothing of Holdfast but its public key: the page's blocks as they stand, `aws`, and a shell of root on each
    node."""
    backup, kept, made = changed_since(there)
    page = there.services.reader.read(backup_key(there.spec_id, backup, RUNBOOK)).decode()
    destroy(there)
    reader = RunbookReader(page, tmp_path, there.cluster.ssh_config, there.info.environment)

    key = tmp_path / "holdfast-restore" / "signing-key.pem"
    key.parent.mkdir()
    key.write_text(public_half(there.services.signing).public_key)
    shown = reader.prepare().splitlines()
    at = next(number for number, line in enumerate(shown) if line.isdigit())
    size, body, trailer = shown[at : at + 3]
    assert int(size) == load_manifest(there.services.reader, there.spec_id, backup)[0].snapshot.raw_size
    assert body.split()[0] == trailer
    assert "Verified OK" in shown
    said = reader.steps()

    assert len({tuple(each["members"]) for each in said["rebuild"].values()}) == 1
    assert len({(each["hash"], each["leader"]) for each in said["etcd-ready"].values()}) == 1
    assert there.exists(kept)
    assert not there.exists(made)
    there.remove(kept)
    assert there.ready_nodes() >= len(there.cluster.nodes)


def test_hosts_that_lost_all_their_files_are_made_a_control_plane_again(there: Restoring) -> None:
    """They have kubelet, a container runtime and the images, and nothing of kubeadm's."""
    backup, kept, made = changed_since(there)
    for node in there.cluster.nodes:
        there.cluster.ssh(
            node,
            "systemctl stop kubelet\n"
            "rm -rf /etc/kubernetes/pki /etc/kubernetes/*.conf /etc/kubernetes/manifests/* /var/lib/etcd/member\n"
            "rm -rf /var/lib/kubelet/pki /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env\n"
            "ctr -n k8s.io tasks ls -q | while read -r task; do ctr -n k8s.io tasks kill -s KILL $task || true; done\n",
        )
    execution = there.start(backup=backup, mode="new-hosts")
    there.approve(execution.name)
    ended = there.wait(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert there.exists(kept)
    assert not there.exists(made)
    there.remove(kept)
    assert there.ready_nodes() >= len(there.cluster.nodes)


def destroy(there: Restoring) -> None:
    """Without its log, or without all, the first node's etcd would begin a cluster of its own."""
    overwrite = "dd if=/dev/zero of=/var/lib/etcd/member/snap/db bs=4096 count=64 conv=notrunc"
    for node in there.cluster.nodes:
        there.cluster.ssh(node, f"{overwrite} 2>/dev/null; pkill -9 -x etcd || true\n")
    wait_for(lambda: not any_etcd(there) or None, "every member down", 60)


def any_etcd(there: Restoring) -> bool:
    probe = "curl -s -o /dev/null --max-time 2 http://127.0.0.1:2381/health && echo up || true\n"
    return any("up" in there.cluster.ssh(node, probe) for node in there.cluster.nodes)


def test_one_member_lost_for_good_is_replaced(there: Restoring) -> None:
    if len(there.cluster.nodes) < 3:
        pytest.skip("a cluster of one member has no quorum to lose one")
    lost = there.cluster.nodes[-1]
    there.cluster.ssh(lost, "rm -rf /var/lib/etcd/member; pkill -9 -x etcd || true\n")
    execution = there.start(replace=lost)
    there.approve(execution.name)
    ended = there.wait(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    ready = [record for record in there.status(execution.name).records if record.step == "etcd-ready" and record.report]
    assert {record.report["voters"] for record in ready} == {len(there.cluster.nodes)}
    assert there.ready_nodes() == len(there.cluster.nodes)
