"""What every EtcdCluster keeps: the gRPC client against three real members, and the double."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.errors import InvalidInputError
from holdfast.etcd.base import EtcdCluster
from holdfast.etcd.memory import FakeEtcdCluster
from holdfast.local.etcd_cluster import LocalEtcd

PODS = tuple(f"/registry/pods/default/pod-{number:03}" for number in range(60))
KEYS = (*PODS, "/registry/nodes/a", "other")


@dataclass(frozen=True)
class Subject:
    cluster: EtcdCluster
    endpoint: str
    keys: tuple[str, ...]
    revision: int


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    with LocalEtcd.start(tmp_path_factory.mktemp("etcd")) as etcd:
        revision = etcd.writer().put_many((key.encode(), b"value of " + key.encode()) for key in KEYS)
        etcd.wait_until(lambda facts: {status.revision for status in facts.statuses} == {revision})
        yield Subject(etcd.client(), etcd.endpoints[1], KEYS, revision)


@pytest.fixture(scope="module")
def double(real: Subject) -> Subject:
    """Serves what the real cluster said, so that the suite compares like with like."""
    facts = real.cluster.facts()
    with real.cluster.snapshot(real.endpoint) as blobs:
        file = b"".join(blobs)
    hash_kv = real.cluster.hash_kv(real.endpoint, 0)
    fake = FakeEtcdCluster(facts, snapshot_file=file, keys=KEYS, hash=hash_kv)
    return Subject(fake, real.endpoint, KEYS, real.revision)


@pytest.fixture(params=["real", "double"])
def subject(request: pytest.FixtureRequest, real: Subject, double: Subject) -> Subject:
    return real if request.param == "real" else double


def test_facts_hold_every_endpoint_and_one_leader(subject: Subject) -> None:
    facts = subject.cluster.facts()
    assert len(facts.statuses) == 3
    assert facts.failures == ()
    assert facts.alarms == ()
    assert [status.is_leader for status in facts.statuses].count(True) == 1
    assert {status.leader_id for status in facts.statuses} <= {member.member_id for member in facts.members}


def test_facts_say_how_long_our_certificate_is_valid(subject: Subject) -> None:
    left = subject.cluster.facts().client_certificate_left
    assert left is not None
    assert timedelta(days=29) < left <= timedelta(days=30)


def test_the_member_list_names_all_members_and_their_urls(subject: Subject) -> None:
    facts = subject.cluster.facts()
    assert [member.name for member in facts.members] == ["etcd-0", "etcd-1", "etcd-2"]
    assert {url for member in facts.members for url in member.client_urls} == {
        status.endpoint for status in facts.statuses
    }


def test_a_snapshot_ends_with_the_hash_of_all_that_came_before(subject: Subject) -> None:
    with subject.cluster.snapshot(subject.endpoint) as blobs:
        *body, trailer = list(blobs)
    assert len(trailer) == 32
    assert hashlib.sha256(b"".join(body)).digest() == trailer
    assert sum(map(len, body)) % 512 == 0


def test_leaving_a_snapshot_early_leaves_the_cluster_usable(subject: Subject) -> None:
    with subject.cluster.snapshot(subject.endpoint) as blobs:
        first = next(blobs)
    assert first
    with subject.cluster.snapshot(subject.endpoint) as again:
        assert next(again)[:16] == first[:16]


def test_hash_kv_at_zero_is_the_hash_at_the_newest_revision(subject: Subject) -> None:
    newest = subject.cluster.hash_kv(subject.endpoint, 0)
    assert newest.revision == subject.revision
    assert subject.cluster.hash_kv(subject.endpoint, subject.revision) == newest


@pytest.mark.parametrize("prefix", ["", "/registry/", "/registry/pods/", "/registry/pods/default/pod-00", "nothing"])
def test_keys_are_counted_by_prefix(subject: Subject, prefix: str) -> None:
    expected = sum(key.startswith(prefix) for key in subject.keys)
    assert subject.cluster.key_count(subject.endpoint, prefix) == expected


def test_an_endpoint_that_is_not_configured_is_refused(subject: Subject) -> None:
    stranger = "https://192.0.2.1:2379"
    with pytest.raises(InvalidInputError) as by_snapshot, subject.cluster.snapshot(stranger) as blobs:
        next(blobs)
    with pytest.raises(InvalidInputError) as by_hash:
        subject.cluster.hash_kv(stranger, 0)
    with pytest.raises(InvalidInputError) as by_count:
        subject.cluster.key_count(stranger, "")
    assert {caught.value.code for caught in (by_snapshot, by_hash, by_count)} == {"etcd_endpoint_unknown"}


def test_the_file_is_what_etcds_own_restore_accepts(subject: Subject, tmp_path: Path) -> None:
    file = tmp_path / "snapshot.db"
    with subject.cluster.snapshot(subject.endpoint) as blobs, file.open("wb") as sink:
        for blob in blobs:
            sink.write(blob)
    with LocalEtcd.start(tmp_path / "restored", members=1, snapshot=file) as restored:
        source = subject.cluster.hash_kv(subject.endpoint, subject.revision)
        assert restored.client().hash_kv(restored.endpoints[0], subject.revision) == source
        assert restored.client().key_count(restored.endpoints[0], "") == len(subject.keys)
