"""What a presigned URL looks like, and what the store says of uploads that are gone, over real HTTP."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.s3_server import client_of
from holdfast.errors import DamagedError, PermanentError, TransientError
from holdfast.storage.base import SentPart
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_client import s3_client
from holdfast.storage.s3_grants import S3Grants

PART = SentPart(1, 3, "0" * 32)


def grants_on_aws(bucket: str, token: str | None = None) -> S3Grants:
    session = boto3.Session("key", "secret", token, region_name="eu-central-1")
    return S3Grants(s3_client(session), bucket)


def test_a_url_is_signed_with_sigv4_for_the_buckets_own_region_and_leaves_headers_free() -> None:
    (url,) = grants_on_aws("backups", "session").part_urls("a/b c", "id", 1, expires_s=900)
    parts = urlsplit(url.get_secret_value())
    query = parse_qs(parts.query)
    assert (parts.netloc, parts.path) == ("backups.s3.eu-central-1.amazonaws.com", "/a/b%20c")
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Security-Token"] == ["session"]
    assert (query["partNumber"], query["uploadId"]) == (["1"], ["id"])


def test_a_bucket_with_dots_in_its_name_is_addressed_by_path_because_no_certificate_fits_it() -> None:
    url = grants_on_aws("back.ups").put_url("a", expires_s=60).get_secret_value()
    assert url.startswith("https://s3.eu-central-1.amazonaws.com/back.ups/a?")


def test_the_upload_asks_for_no_checksums_so_that_parts_need_none(s3_url: str, bucket: str, direct: Any) -> None:
    upload_id = S3Grants(direct, bucket).begin_upload("a", content_type="application/zstd")
    (upload,) = direct.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert upload["UploadId"] == upload_id
    assert "ChecksumAlgorithm" not in upload


def test_an_upload_that_is_gone_is_told_when_its_parts_are_asked_for(s3_url: str, bucket: str) -> None:
    gone = HttpFault("GET", "uploadId=", "answer", status=404, code="NoSuchUpload")
    with fault_proxy(s3_url, [gone]) as proxy, pytest.raises(PermanentError) as error:
        S3Grants(client_of(proxy.url), bucket).sent_parts("a", "id")
    assert error.value.code == "upload_gone"


@pytest.mark.parametrize("there", [None, b"an object of another size"])
def test_an_upload_that_is_gone_is_told_when_it_is_completed(
    s3_url: str, bucket: str, direct: Any, there: bytes | None
) -> None:
    if there is not None:
        S3Bucket(direct, bucket).put("a", there)
    gone = HttpFault("POST", "uploadId=", "answer", status=404, code="NoSuchUpload")
    with fault_proxy(s3_url, [gone]) as proxy, pytest.raises(PermanentError) as error:
        S3Grants(client_of(proxy.url), bucket).complete_upload("a", "id", [PART])
    assert error.value.code == "upload_gone"


def test_a_lost_answer_to_a_completion_finds_the_object_that_was_made(s3_url: str, bucket: str, direct: Any) -> None:
    grants = S3Grants(direct, bucket)
    upload_id = grants.begin_upload("a", content_type="application/zstd")
    direct.upload_part(Bucket=bucket, Key="a", UploadId=upload_id, PartNumber=1, Body=b"abc")
    lost = HttpFault("POST", "uploadId=", "lose")
    again = HttpFault("POST", "uploadId=", "answer", status=404, code="NoSuchUpload")
    with fault_proxy(s3_url, [lost, again]) as proxy:
        parts = grants.sent_parts("a", upload_id)
        completed = S3Grants(client_of(proxy.url), bucket).complete_upload("a", upload_id, parts)
    assert (lost.met, again.met) == (1, 1)
    assert completed.checksum == S3Bucket(direct, bucket).head("a").checksum


def test_an_object_that_is_not_as_long_as_its_parts_is_damaged(s3_url: str, bucket: str, direct: Any) -> None:
    grants = S3Grants(direct, bucket)
    upload_id = grants.begin_upload("a", content_type="application/zstd")
    direct.upload_part(Bucket=bucket, Key="a", UploadId=upload_id, PartNumber=1, Body=b"abc")
    (part,) = grants.sent_parts("a", upload_id)
    with pytest.raises(DamagedError) as error:
        grants.complete_upload("a", upload_id, [SentPart(part.number, 4, part.etag)])
    assert error.value.code == "object_size_mismatch"


def test_a_store_that_is_busy_is_transient(s3_url: str, bucket: str) -> None:
    busy = HttpFault("POST", "uploads", "answer", times=99)
    with fault_proxy(s3_url, [busy]) as proxy, pytest.raises(TransientError) as error:
        S3Grants(client_of(proxy.url), bucket).begin_upload("a", content_type="application/zstd")
    assert error.value.code == "storage_unavailable"
