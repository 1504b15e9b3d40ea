"""What S3, the network and this machine do wrong, over real HTTP: the retries that help, the errors that are told."""

import os
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.s3_server import client_of, new_bucket, put_beside, unfinished_uploads
from holdfast.errors import DamagedError, PermanentError, RefusedError, TransientError
from holdfast.storage.s3 import S3Bucket

MIB = 1024 * 1024


def test_a_store_that_is_busy_for_a_while_is_asked_again(s3_url: str, bucket: str) -> None:
    busy = HttpFault("PUT", "a", "answer", times=2)
    with fault_proxy(s3_url, [busy]) as proxy:
        S3Bucket(client_of(proxy.url), bucket).put("a", b"x")
    assert busy.met == 2
    assert len(proxy.requests) == 3


def test_a_store_that_stays_busy_is_unavailable(s3_url: str, bucket: str) -> None:
    with fault_proxy(s3_url, [HttpFault("PUT", "a", "answer", times=99)]) as proxy:
        with pytest.raises(TransientError) as error:
            S3Bucket(client_of(proxy.url), bucket).put("a", b"x")
        assert len(proxy.requests) == 3
    assert error.value.code == "storage_unavailable"
    assert "SlowDown" in error.value.message


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "RequestTimeTooSkewed", "storage_clock_skew"),
        (403, "AccessDenied", "storage_access_denied"),
        (404, "NoSuchBucket", "bucket_not_found"),
        (400, "ExpiredToken", "storage_credentials"),
        (403, "InvalidAccessKeyId", "storage_credentials"),
        (403, "SignatureDoesNotMatch", "storage_credentials"),
        (400, "AuthorizationHeaderMalformed", "storage_wrong_region"),
        (400, "KMS.DisabledException", "storage_key_unusable"),
        (403, "InvalidObjectState", "object_archived"),
        (403, "QuotaExceeded", "storage_full"),
        (418, "Teapot", "storage_failed"),
    ],
)
def test_an_answer_that_another_try_does_not_change_is_permanent(
    s3_url: str, bucket: str, status: int, code: str, expected: str
) -> None:
    answer = HttpFault("GET", "a", "answer", times=99, status=status, code=code)
    with fault_proxy(s3_url, [answer]) as proxy, pytest.raises(PermanentError) as error:
        S3Bucket(client_of(proxy.url), bucket).read("a")
    assert error.value.code == expected


def test_a_missing_bucket_is_told_from_a_missing_object_even_by_a_head(direct: Any) -> None:
    with pytest.raises(PermanentError) as error:
        S3Bucket(direct, "no-such-bucket-here").head("a")
    assert error.value.code == "bucket_not_found"


def test_a_refused_connection_is_unavailable() -> None:
    with pytest.raises(TransientError) as error:
        S3Bucket(client_of("http://127.0.0.1:9", attempts=1), "bucket").read("a")
    assert error.value.code == "storage_unavailable"


def test_an_endpoint_that_does_not_resolve_is_named() -> None:
    with pytest.raises(PermanentError) as error:
        S3Bucket(client_of("http://no-such-host.invalid", attempts=1), "bucket").read("a")
    assert error.value.code == "storage_endpoint_unknown"
    assert "no-such-host.invalid" in error.value.message


def test_a_part_whose_connection_is_reset_is_sent_again(s3_url: str, direct: Any, bucket: str) -> None:
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB), b"end"]
    reset = HttpFault("PUT", "partNumber=2", "reset")
    with fault_proxy(s3_url, [reset]) as proxy:
        upload = S3Bucket(client_of(proxy.url), bucket).start_upload("snapshot")
        for number, data in enumerate(parts, start=1):
            upload.part(number, data)
        upload.complete()
    assert reset.met == 1
    assert S3Bucket(direct, bucket).read("snapshot") == b"".join(parts)


def test_a_part_whose_connection_is_always_reset_fails_and_an_abort_leaves_no_part(
    s3_url: str, direct: Any, bucket: str
) -> None:
    with fault_proxy(s3_url, [HttpFault("PUT", "partNumber=2", "reset", times=99)]) as proxy:
        upload = S3Bucket(client_of(proxy.url), bucket).start_upload("snapshot")
        upload.part(1, os.urandom(5 * MIB))
        with pytest.raises(TransientError) as error:
            upload.part(2, os.urandom(5 * MIB))
        upload.abort()
    assert error.value.code == "storage_unavailable"
    assert unfinished_uploads(direct, bucket) == []


def test_a_part_of_an_upload_that_is_gone_says_so(s3_url: str, bucket: str) -> None:
    gone = HttpFault("PUT", "partNumber=1", "answer", status=404, code="NoSuchUpload")
    with fault_proxy(s3_url, [gone]) as proxy:
        upload = S3Bucket(client_of(proxy.url), bucket).start_upload("snapshot")
        with pytest.raises(TransientError) as error:
            upload.part(1, b"x")
    assert error.value.code == "upload_gone"


def test_a_part_that_arrives_with_other_bytes_is_transient(s3_url: str, bucket: str) -> None:
    with fault_proxy(s3_url, [HttpFault("PUT", "partNumber=1", "answer", status=400, code="BadDigest")]) as proxy:
        upload = S3Bucket(client_of(proxy.url), bucket).start_upload("snapshot")
        with pytest.raises(TransientError) as error:
            upload.part(1, b"x")
    assert error.value.code == "storage_bytes_changed"


def test_an_error_inside_of_an_answer_200_to_complete_is_not_taken_for_success(s3_url: str, bucket: str) -> None:
    within = HttpFault("POST", "uploadId=", "answer", times=99, status=200, code="InternalError")
    with fault_proxy(s3_url, [within]) as proxy:
        upload = S3Bucket(client_of(proxy.url), bucket).start_upload("snapshot")
        upload.part(1, b"x")
        with pytest.raises(TransientError) as error:
            upload.complete()
    assert error.value.code == "storage_unavailable"


def test_a_complete_whose_answer_is_lost_finds_its_object(s3_url: str, bucket: str) -> None:
    faults = [
        HttpFault("POST", "uploadId=", "lose"),
        HttpFault("POST", "uploadId=", "answer", status=404, code="NoSuchUpload"),
    ]
    with fault_proxy(s3_url, faults) as proxy:
        store = S3Bucket(client_of(proxy.url), bucket)
        upload = store.start_upload("snapshot")
        upload.part(1, b"some bytes")
        completed = upload.complete()
    assert faults[1].met == 1
    assert completed.checksum == store_checksum(s3_url, bucket, "snapshot")


def store_checksum(url: str, bucket: str, key: str) -> str:
    return S3Bucket(client_of(url), bucket).head(key).checksum


def test_a_complete_of_an_upload_that_is_gone_without_an_object_is_an_error(s3_url: str, bucket: str) -> None:
    gone = HttpFault("POST", "uploadId=", "answer", times=9, status=404, code="NoSuchUpload")
    with fault_proxy(s3_url, [gone]) as proxy:
        upload = S3Bucket(client_of(proxy.url), bucket).start_upload("snapshot")
        upload.part(1, b"x")
        with pytest.raises(TransientError) as error:
            upload.complete()
    assert error.value.code == "upload_gone"


def test_an_object_that_another_upload_put_there_is_not_taken_for_ours(s3_url: str, direct: Any, bucket: str) -> None:
    other = S3Bucket(direct, bucket).start_upload("snapshot")
    other.part(1, b"other bytes")
    other.complete()
    gone = HttpFault("POST", "uploadId=", "answer", times=9, status=404, code="NoSuchUpload")
    with fault_proxy(s3_url, [gone]) as proxy:
        upload = S3Bucket(client_of(proxy.url), bucket).start_upload("snapshot")
        upload.part(1, b"our bytes")
        with pytest.raises(DamagedError) as error:
            upload.complete()
    assert error.value.code == "object_checksum_mismatch"


def test_a_body_cut_short_once_is_read_again(s3_url: str, direct: Any, bucket: str) -> None:
    body = os.urandom(3 * MIB)
    S3Bucket(direct, bucket).put("a", body)
    cut = HttpFault("GET", "/a", "cut")
    with fault_proxy(s3_url, [cut]) as proxy:
        assert S3Bucket(client_of(proxy.url), bucket).read("a") == body
    assert cut.met == 1


def test_a_body_that_is_always_cut_short_is_unavailable(s3_url: str, direct: Any, bucket: str) -> None:
    S3Bucket(direct, bucket).put("a", os.urandom(3 * MIB))
    with fault_proxy(s3_url, [HttpFault("GET", "/a", "cut", times=99)]) as proxy:
        store = S3Bucket(client_of(proxy.url), bucket)
        with pytest.raises(TransientError) as of_read:
            store.read("a")
        with pytest.raises(TransientError) as of_range:
            store.read("a", start=0, end=2 * MIB)
    assert {of_read.value.code, of_range.value.code} == {"storage_unavailable"}


def test_a_conflict_of_two_writers_is_tried_again(s3_url: str, bucket: str) -> None:
    conflict = HttpFault("PUT", "manifest", "answer", times=2, status=409, code="ConditionalRequestConflict")
    with fault_proxy(s3_url, [conflict]) as proxy:
        store = S3Bucket(client_of(proxy.url), bucket)
        store.put_if_absent("manifest.json", b"{}")
        assert store.read("manifest.json") == b"{}"
    assert conflict.met == 2


def test_a_put_whose_answer_is_lost_does_not_refuse_its_own_object(s3_url: str, bucket: str) -> None:
    lost = HttpFault("PUT", "manifest", "lose")
    with fault_proxy(s3_url, [lost]) as proxy:
        store = S3Bucket(client_of(proxy.url), bucket)
        store.put_if_absent("manifest.json", b"{}")
        with pytest.raises(RefusedError):
            store.put_if_absent("manifest.json", b"other")
    assert lost.met == 1


def test_removing_from_a_versioned_bucket_leaves_no_version_and_no_marker(direct: Any) -> None:
    bucket = new_bucket(direct, versioned=True)
    store = S3Bucket(direct, bucket)
    for body in (b"1", b"2"):
        store.put("a", body)
    store.put("ab", b"stays")
    direct.delete_object(Bucket=bucket, Key="a")
    assert store.remove(["a"]) == 1
    left = direct.list_object_versions(Bucket=bucket)
    assert [version["Key"] for version in left.get("Versions", ())] == ["ab"]
    assert left.get("DeleteMarkers", []) == []


def test_what_is_removed_together_is_looked_for_once_and_goes_in_the_order_in_which_it_was_named(s3_url: str) -> None:
    direct = client_of(s3_url)
    bucket = new_bucket(direct, versioned=True)
    named = ["c/1/manifest", "c/1/a", "c/1/never-there", "c/1/b", "c/2/a"]
    stays = ["c/1/ab", "c/1/deeper/a", "c/10/a"]
    put_beside(bucket, [*named, *stays, "c/1/b"])
    with fault_proxy(s3_url, []) as proxy:
        assert S3Bucket(client_of(proxy.url), bucket).remove(named) == 5
        asked = [request for request in proxy.requests if "versionId" not in str(request)]
    assert len(asked) == 2
    left = direct.list_object_versions(Bucket=bucket)
    assert sorted(version["Key"] for version in left["Versions"]) == stays


def test_more_folders_than_fit_into_one_answer_are_all_told(direct: Any, bucket: str) -> None:
    put_beside(bucket, [f"many/{number:04}/a" for number in range(1002)])
    assert list(S3Bucket(direct, bucket).folders("many/")) == [f"many/{number:04}/" for number in range(1002)]


def test_a_list_goes_on_beyond_one_page_of_a_thousand(direct: Any, bucket: str) -> None:
    keys = [f"many/{number:04}" for number in range(1002)]
    put_beside(bucket, keys)
    assert [info.key for info in S3Bucket(direct, bucket).list("many/")] == keys


def test_a_store_without_checksums_is_refused_before_anything_is_sent(s3_url: str, bucket: str) -> None:
    client = client_of(s3_url)

    def without(parsed: dict[str, Any], **_: Any) -> None:
        parsed.pop("ChecksumAlgorithm", None)

    client.meta.events.register("after-call.s3.CreateMultipartUpload", without)
    with pytest.raises(PermanentError) as error:
        S3Bucket(client, bucket).start_upload("snapshot")
    assert error.value.code == "storage_checksum_unsupported"
    assert unfinished_uploads(client, bucket) == []
