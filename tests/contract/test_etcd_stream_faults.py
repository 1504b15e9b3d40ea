"""Members that die or hang while a snapshot streams."""

import threading
from collections.abc import Iterator

import pytest

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.local.etcd_cluster import LocalEtcd

# More than the window and both sockets' buffers hold, so that a paused member leaves the reader without data.
VALUES = 1_600
VALUE_BYTES = 25_000
PAUSED = 1


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    with LocalEtcd.start(tmp_path_factory.mktemp("etcd")) as etcd:
        values = ((f"/registry/configmaps/{number}".encode(), bytes(VALUE_BYTES)) for number in range(VALUES))
        revision = etcd.writer().put_many(values)
        etcd.wait_until(lambda facts: {status.revision for status in facts.statuses} == {revision})
        yield etcd


@pytest.fixture
def etcd(filled: LocalEtcd) -> Iterator[LocalEtcd]:
    """All members answer again after the test, whatever it did to the one that it reads from."""
    yield filled
    filled.resume_member(PAUSED)
    if not filled.members[PAUSED].running:
        filled.start_member(PAUSED)
    filled.wait_until(lambda facts: len(facts.statuses) == len(filled.members))


def read_and(etcd: LocalEtcd, deadlines: EtcdDeadlines, *, paused: bool) -> HoldfastError:
    received = []
    with etcd.client(deadlines=deadlines).snapshot(etcd.endpoints[PAUSED]) as blobs:
        received.append(len(next(blobs)))
        if paused:
            etcd.pause_member(PAUSED)
        else:
            etcd.stop_member(PAUSED)
        with pytest.raises(HoldfastError) as caught:
            received.extend(len(blob) for blob in blobs)
    assert 0 < sum(received) < VALUES * VALUE_BYTES
    return caught.value


def test_a_member_that_stops_answering_in_mid_stream_is_a_stalled_stream(etcd: LocalEtcd) -> None:
    error = read_and(etcd, EtcdDeadlines(stall_s=1.0), paused=True)
    assert (type(error), error.code) == (TransientError, "etcd_stream_stalled")
    assert "no data for 1 s after" in error.message


def test_the_deadline_of_the_whole_stream_ends_it_too(etcd: LocalEtcd) -> None:
    error = read_and(etcd, EtcdDeadlines(stall_s=60.0, snapshot_s=1.5), paused=True)
    assert (type(error), error.code) == (PermanentError, "etcd_stream_too_slow")


def test_a_member_that_dies_in_mid_stream_is_a_broken_stream(etcd: LocalEtcd) -> None:
    error = read_and(etcd, EtcdDeadlines(), paused=False)
    assert (type(error), error.code) == (TransientError, "etcd_stream_broken")


def test_a_slow_reader_is_no_stall(etcd: LocalEtcd) -> None:
    with etcd.client(deadlines=EtcdDeadlines(stall_s=0.2)).snapshot(etcd.endpoints[PAUSED]) as blobs:
        received = len(next(blobs))
        threading.Event().wait(0.6)
        received += sum(map(len, blobs))
    assert received > VALUES * VALUE_BYTES


def test_a_paused_member_is_a_failed_endpoint_in_the_facts(etcd: LocalEtcd) -> None:
    etcd.pause_member(PAUSED)
    facts = etcd.client(deadlines=EtcdDeadlines(call_s=1.0)).facts()
    assert len(facts.statuses) == 2
    assert [(row.endpoint, row.code) for row in facts.failures] == [(etcd.endpoints[PAUSED], "etcd_timeout")]
