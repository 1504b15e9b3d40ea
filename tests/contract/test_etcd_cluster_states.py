"""Snapshots of real clusters that are not well: learners, no quorum, no space, no keys."""

import hashlib
import json
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError, PermanentError
from holdfast.etcd.base import EtcdCluster
from holdfast.local.etcd_cluster import LocalEtcd, restore_throwaway
from holdfast.planning.member_choice import choose_member
from holdfast.planning.preflight import backup_findings


def save(cluster: EtcdCluster, endpoint: str, path: Path) -> Path:
    with cluster.snapshot(endpoint) as blobs:
        path.write_bytes(b"".join(blobs))
    data = path.read_bytes()
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    return path


def fill_until_refused(etcd: LocalEtcd) -> PermanentError:
    """etcd looks at its file, which grows some milliseconds after a write: it takes more than the quota."""
    for round_ in range(200):
        try:
            etcd.writer().put_many((f"/registry/{round_}/{number}".encode(), bytes(100_000)) for number in range(10))
        except PermanentError as error:
            return error
    pytest.fail("200 MB went into a database of 8 MB")


def test_a_learner_is_seen_and_passed_over(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path, members=1) as etcd:
        added = etcd.add_learner()
        learner = etcd.endpoints[added]
        facts = etcd.client().facts()
        assert [status.endpoint for status in facts.statuses if status.is_learner] == [learner]
        assert [member.is_learner for member in facts.members].count(True) == 1
        choice = choose_member(facts)
        assert choice.endpoint == etcd.endpoints[0]
        assert "learner-1 (learner)" in choice.reason
        with pytest.raises(PermanentError) as caught:
            etcd.client().hash_kv(learner, 0)
        assert caught.value.code == "etcd_learner_refuses"


def test_without_quorum_a_snapshot_works_and_the_facts_say_so(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path / "etcd") as etcd:
        revision = etcd.writer().put_many((f"/registry/{number}".encode(), b"x") for number in range(20))
        etcd.wait_until(lambda facts: {status.revision for status in facts.statuses} == {revision})
        etcd.stop_member(0)
        etcd.stop_member(2)
        facts = etcd.wait_until(lambda facts: all(status.leader_id == "0" for status in facts.statuses))

        assert [status.endpoint for status in facts.statuses] == [etcd.endpoints[1]]
        assert facts.statuses[0].errors == ("etcdserver: no leader",)
        assert [row.code for row in facts.failures] == ["etcd_unreachable", "etcd_unreachable"]
        assert len(facts.members) == 3
        assert "quorum_lost" in {finding.code for finding in backup_findings(facts)}
        choice = choose_member(facts)
        assert "quorum is lost" in choice.reason

        file = save(etcd.client(), choice.endpoint, tmp_path / "survivor.db")
        with restore_throwaway(file, tmp_path / "restored") as restored:
            assert restored.client().key_count(restored.endpoints[0], "/registry/") == 20


def test_a_nospace_alarm_is_seen_and_a_snapshot_still_works(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path / "etcd", members=1, quota_bytes=8 * 1024 * 1024) as etcd:
        assert fill_until_refused(etcd).code == "etcd_space_exceeded"

        facts = etcd.client().facts()
        assert [(alarm.member_id, alarm.kind) for alarm in facts.alarms] == [(facts.statuses[0].member_id, "NOSPACE")]
        assert "nospace_alarm" in {finding.code for finding in backup_findings(facts)}
        file = save(etcd.client(), choose_member(facts).endpoint, tmp_path / "full.db")
        assert file.stat().st_size > 4 * 1024 * 1024


def test_an_alarm_is_also_seen_without_quorum(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path, members=2, quota_bytes=8 * 1024 * 1024) as etcd:
        fill_until_refused(etcd)
        etcd.stop_member(1)
        facts = etcd.wait_until(lambda facts: all(status.leader_id == "0" for status in facts.statuses))
        assert {alarm.kind for alarm in facts.alarms} == {"NOSPACE"}


def test_an_empty_key_space_is_backed_up_like_any_other(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path / "etcd", members=1) as etcd:
        assert etcd.client().key_count(etcd.endpoints[0], "") == 0
        file = save(etcd.client(), etcd.endpoints[0], tmp_path / "empty.db")
        with restore_throwaway(file, tmp_path / "restored") as restored:
            assert restored.client().key_count(restored.endpoints[0], "") == 0
            assert restored.client().hash_kv(restored.endpoints[0], 0) == etcd.client().hash_kv(etcd.endpoints[0], 0)


def test_the_stream_means_the_same_as_what_etcdctl_saves(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path / "etcd", members=1) as etcd:
        revision = etcd.writer().put_many((f"/registry/{number}".encode(), bytes(500)) for number in range(3_000))
        etcd.writer().delete_prefix(b"/registry/1")
        etcd.writer().compact(revision)
        ours = save(etcd.client(), etcd.endpoints[0], tmp_path / "ours.db")
        theirs = tmp_path / "theirs.db"
        etcd.etcdctl("snapshot", "save", str(theirs))

        def status(file: Path) -> dict[str, int]:
            found: dict[str, int] = json.loads(
                etcd.etcdctl("snapshot", "status", str(file), "-w", "json", tool="etcdutl")
            )
            return found

        assert status(ours) == status(theirs)
        assert status(ours)["revision"] == revision + 1


def test_a_hash_at_a_compacted_or_future_revision_is_refused_by_its_own_code(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path, members=1) as etcd:
        writer = etcd.writer()
        revisions = [writer.put(b"/a", str(number).encode()) for number in range(5)]
        writer.compact(revisions[-2])
        for revision, code in ((revisions[0], "etcd_revision_compacted"), (99, "etcd_revision_not_reached")):
            with pytest.raises(HoldfastError) as caught:
                etcd.client().hash_kv(etcd.endpoints[0], revision)
            assert caught.value.code == code
