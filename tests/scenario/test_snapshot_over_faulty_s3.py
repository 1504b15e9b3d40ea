"""The whole pipeline over real HTTP to a store that misbehaves: the object is there and sound, or nothing is."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.s3_server import client_of, new_bucket, s3_server, unfinished_uploads
from builders.snapshot_stream import blobs, database, snapshot
from holdfast.engine.readback import read_back
from holdfast.engine.transfer import transfer_snapshot
from holdfast.errors import HoldfastError
from holdfast.models.backup import SnapshotObject
from holdfast.planning.parts import MIB
from holdfast.storage.base import ObjectWriter
from holdfast.storage.s3 import S3Bucket

KEY = "c/20261120T154300Z-r-1a2b3c/snapshot.db.zst"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
# 14 MiB of noise: three parts of 5 MiB at most.
SOUND = snapshot(database(3584))


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def direct(s3_url: str) -> Any:
    return client_of(s3_url)


@pytest.fixture
def bucket(direct: Any) -> str:
    return new_bucket(direct)


def _transfer(writer: ObjectWriter) -> SnapshotObject:
    return transfer_snapshot(blobs(SOUND), writer, KEY, part_bytes=5 * MIB, clock=lambda: NOW, progress=lambda _: None)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([HttpFault("PUT", "partNumber=", "answer", times=2)], id="slow down for a while"),
        pytest.param([HttpFault("PUT", "partNumber=2", "reset")], id="a reset in a part"),
        pytest.param([HttpFault("PUT", "partNumber=1", "lose")], id="the answer to a part is lost"),
        pytest.param([HttpFault("POST", "uploads", "answer", status=500, code="InternalError")], id="a slow start"),
    ],
)
def test_what_passes_by_itself_costs_a_retry_and_nothing_else(
    s3_url: str, direct: Any, bucket: str, faults: list[HttpFault]
) -> None:
    with fault_proxy(s3_url, faults) as proxy:
        sent = _transfer(S3Bucket(client_of(proxy.url), bucket))
    assert all(fault.met == fault.times for fault in faults)
    out = io.BytesIO()
    read_back(S3Bucket(direct, bucket), sent, out)
    assert out.getvalue() == SOUND
    assert unfinished_uploads(direct, bucket) == []


@pytest.mark.parametrize(
    ("fault", "code", "family"),
    [
        (HttpFault("POST", "uploads", "answer", 99, 404, "NoSuchBucket"), "bucket_not_found", "permanent"),
        (HttpFault("POST", "uploads", "answer", 99, 403, "AccessDenied"), "storage_access_denied", "permanent"),
        (
            HttpFault("PUT", "partNumber=1", "answer", 99, 403, "RequestTimeTooSkewed"),
            "storage_clock_skew",
            "permanent",
        ),
        (HttpFault("PUT", "partNumber=2", "answer", 99, 403, "AccessDenied"), "storage_access_denied", "permanent"),
        (HttpFault("PUT", "partNumber=2", "answer", 99), "storage_unavailable", "transient"),
        (HttpFault("PUT", "partNumber=3", "reset", 99), "storage_unavailable", "transient"),
        (HttpFault("PUT", "partNumber=2", "answer", 99, 404, "NoSuchUpload"), "upload_gone", "transient"),
        (HttpFault("POST", "uploadId=", "answer", 99, 500, "InternalError"), "storage_unavailable", "transient"),
        (HttpFault("POST", "uploadId=", "answer", 99, 403, "AccessDenied"), "storage_access_denied", "permanent"),
    ],
)
def test_what_does_not_pass_leaves_no_object_and_no_part(
    s3_url: str, direct: Any, bucket: str, fault: HttpFault, code: str, family: str
) -> None:
    with fault_proxy(s3_url, [fault]) as proxy, pytest.raises(HoldfastError) as error:
        _transfer(S3Bucket(client_of(proxy.url), bucket))
    assert (error.value.code, error.value.family) == (code, family)
    assert not hasattr(error.value, "__notes__")
    assert list(S3Bucket(direct, bucket).list("")) == []
    assert unfinished_uploads(direct, bucket) == []
