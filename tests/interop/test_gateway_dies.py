"""A gateway that is killed in the middle of a backup and comes back: the backup is there and sound, or nothing is."""

import io
import time
from collections.abc import Iterator

import pytest

from builders.ceph import CephGateway
from builders.kept import Control, kept
from builders.s3_server import new_bucket, unfinished_uploads
from builders.sites import Site
from builders.snapshot_stream import blobs
from builders.transfers import SOUND, transfer
from holdfast.engine.readback import read_back
from holdfast.errors import TransientError
from holdfast.storage.s3 import S3Bucket


@pytest.fixture(autouse=True)
def up_again(gateway: CephGateway) -> Iterator[None]:
    """Whatever a test did to it, the next one finds it at work."""
    yield
    gateway.stop_gateway()
    gateway.start_gateway()


def while_it_is_killed(gateway: CephGateway, *, away_s: float | None) -> Iterator[bytes]:
    """The stream of SOUND; after two thirds the gateway is killed, and started again unless `away_s` is None."""
    left = len(SOUND) * 2 // 3
    for blob in blobs(SOUND):
        left -= len(blob)
        if -len(blob) < left <= 0:
            gateway.stop_gateway()
            if away_s is not None:
                time.sleep(away_s)
                gateway.start_gateway()
        yield blob


def test_one_that_is_back_within_the_retries_costs_nothing(gateway: CephGateway, ceph: Site) -> None:
    client = ceph.client(attempts=8)
    store = S3Bucket(client, new_bucket(client, versioned=True), checksums="none")
    sent = transfer(store, while_it_is_killed(gateway, away_s=0.5))
    out = io.BytesIO()
    read_back(store, sent, out)
    assert out.getvalue() == SOUND
    assert unfinished_uploads(client, store._bucket) == []


def test_one_that_stays_away_fails_the_upload_and_the_next_try_sweeps_what_was_left(
    gateway: CephGateway, ceph: Site
) -> None:
    client = ceph.client(attempts=2)
    store = S3Bucket(client, new_bucket(client, versioned=True), checksums="none")
    with pytest.raises(TransientError) as error:
        transfer(store, while_it_is_killed(gateway, away_s=None))
    assert error.value.code == "storage_unavailable"
    gateway.start_gateway()
    assert list(store.list("")) == []
    assert store.abort_uploads("c/") == 1
    transfer(store)
    assert unfinished_uploads(client, store._bucket) == []


def test_a_run_goes_on_where_the_gateway_left_it(gateway: CephGateway, controlled: Control, ceph: Site) -> None:
    keep = kept(controlled, ceph)
    met: list[str] = []

    def away(phase: str) -> None:
        """Every phase meets the gateway dead at its first attempt and back at its second."""
        met.append(phase)
        if met.count(phase) == 1:
            gateway.stop_gateway()
        else:
            gateway.start_gateway()

    outcome = keep.backup(on_phase=away)
    assert outcome.status == "succeeded", outcome.error
    assert met.count("Snapshot") == met.count("Seal") == met.count("Verify") == 2
    assert [entry["state"] for entry in keep.listed()] == ["verified"]
    assert keep.unfinished() == []
