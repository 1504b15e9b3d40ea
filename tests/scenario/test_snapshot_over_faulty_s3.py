"""The whole pipeline over real HTTP to a store that misbehaves: the object is there and sound, or nothing is."""

import io
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.s3_server import client_of, unfinished_uploads
from builders.transfers import SOUND, transfer
from holdfast.engine.readback import read_back
from holdfast.errors import HoldfastError, PermanentError
from holdfast.storage.s3 import S3Bucket


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
        sent = transfer(S3Bucket(client_of(proxy.url), bucket))
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
        (HttpFault("PUT", "partNumber=2", "answer", 99, 400, "ExpiredToken"), "storage_credentials", "permanent"),
        (
            HttpFault("PUT", "partNumber=2", "answer", 99, 400, "KMS.DisabledException"),
            "storage_key_unusable",
            "permanent",
        ),
        (HttpFault("POST", "uploadId=", "answer", 99, 301, "PermanentRedirect"), "storage_wrong_region", "permanent"),
    ],
)
def test_what_does_not_pass_leaves_no_object_and_no_part(
    s3_url: str, direct: Any, bucket: str, fault: HttpFault, code: str, family: str
) -> None:
    with fault_proxy(s3_url, [fault]) as proxy, pytest.raises(HoldfastError) as error:
        transfer(S3Bucket(client_of(proxy.url), bucket))
    assert (error.value.code, error.value.family) == (code, family)
    assert not hasattr(error.value, "__notes__")
    assert list(S3Bucket(direct, bucket).list("")) == []
    assert unfinished_uploads(direct, bucket) == []


def test_a_token_that_expires_in_mid_upload_leaves_parts_that_the_next_run_sweeps_and_no_object(
    s3_url: str, direct: Any, bucket: str
) -> None:
    """Whoever has no valid token any more cannot abort either."""
    expired = [HttpFault(method, "uploadId=", "answer", 99, 400, "ExpiredToken") for method in ("DELETE", "POST")]
    expired.append(HttpFault("PUT", "partNumber=2", "answer", 99, 400, "ExpiredToken"))
    with fault_proxy(s3_url, expired) as proxy, pytest.raises(PermanentError) as error:
        transfer(S3Bucket(client_of(proxy.url), bucket))
    assert error.value.code == "storage_credentials"
    assert any("abort" in note for note in error.value.__notes__)
    assert list(S3Bucket(direct, bucket).list("")) == []
    assert len(unfinished_uploads(direct, bucket)) == 1
    assert S3Bucket(direct, bucket).abort_uploads("") == 1
