"""The double fails as it is told to: tests of the pipeline lean on that."""

import hashlib

import pytest

from builders.etcd_facts import endpoint, etcd_facts
from holdfast.errors import PermanentError, TransientError
from holdfast.etcd.memory import (
    CutBeforeHash,
    EndsAfter,
    FailsAfter,
    FailsBefore,
    FakeEtcdCluster,
    FlippedBit,
    SnapshotFault,
)

BODY = bytes(range(256)) * 400
FILE = BODY + hashlib.sha256(BODY).digest()


def read(fault: SnapshotFault | None) -> bytes:
    cluster = FakeEtcdCluster(etcd_facts(), snapshot_file=FILE, fault=fault)
    with cluster.snapshot(endpoint(1)) as blobs:
        return b"".join(blobs)


def test_without_a_fault_the_file_comes_whole() -> None:
    assert read(None) == FILE


def test_it_can_fail_before_the_first_byte() -> None:
    with pytest.raises(PermanentError) as caught:
        read(FailsBefore(PermanentError("etcd_untrusted", "no")))
    assert caught.value.code == "etcd_untrusted"


def test_it_can_fail_in_mid_stream_after_so_many_bytes() -> None:
    fault = FailsAfter(50_000, TransientError("etcd_stream_stalled", "no data"))
    cluster = FakeEtcdCluster(etcd_facts(), snapshot_file=FILE, fault=fault)
    received: list[bytes] = []
    with cluster.snapshot(endpoint(1)) as blobs, pytest.raises(TransientError):
        received.extend(blobs)
    assert b"".join(received) == FILE[:50_000]
    assert cluster.open_streams == 0


def test_it_can_end_early_as_if_all_were_well() -> None:
    assert read(EndsAfter(1_000)) == FILE[:1_000]


def test_it_can_leave_out_the_hash() -> None:
    assert read(CutBeforeHash()) == BODY


@pytest.mark.parametrize("offset", [0, 70_000, -1])
def test_it_can_flip_one_bit(offset: int) -> None:
    damaged = read(FlippedBit(offset))
    differing = [index for index, (one, other) in enumerate(zip(damaged, FILE, strict=True)) if one != other]
    assert differing == [offset % len(FILE)]


def test_it_can_have_no_facts() -> None:
    with pytest.raises(TransientError):
        FakeEtcdCluster(TransientError("etcd_unreachable", "refused")).facts()


def test_it_records_what_it_was_asked() -> None:
    cluster = FakeEtcdCluster(etcd_facts(), keys=("/a/1", "/a/2", "/b"))
    cluster.facts()
    assert cluster.key_count(endpoint(2), "/a/") == 2
    assert cluster.asked == ["facts", f"key_count {endpoint(2)}"]
