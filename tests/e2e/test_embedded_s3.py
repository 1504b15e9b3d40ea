"""What only a store that checks can show: checksums that do not fit, parts that are not ours, conditional writes."""

import io
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.s3_server import client_of, new_bucket, unfinished_uploads
from builders.transfers import KEY, SOUND, transfer
from holdfast.engine.readback import read_back
from holdfast.engine.stored_head import check_stored
from holdfast.errors import DamagedError, PermanentError, RefusedError, TransientError
from holdfast.storage.s3 import S3Bucket


@pytest.fixture
def bucket(direct: Any) -> str:
    return new_bucket(direct, versioned=True)


def test_a_snapshot_is_stored_with_the_checksum_that_was_computed_here_and_reads_back(direct: Any, bucket: str) -> None:
    store = S3Bucket(direct, bucket)
    sent = transfer(store)
    assert sent.checksum.startswith("sha256:")
    assert sent.checksum.endswith("-3")
    assert sent.version_id == store.head(KEY).version_id
    check_stored(store, sent)
    out = io.BytesIO()
    read_back(store, sent, out)
    assert out.getvalue() == SOUND


def test_a_bit_that_flips_on_the_way_is_refused_by_the_store_and_nothing_is_left(
    s3_url: str, direct: Any, bucket: str
) -> None:
    flip = HttpFault("PUT", "partNumber=2", "flip")
    with fault_proxy(s3_url, [flip]) as proxy, pytest.raises(TransientError) as error:
        transfer(S3Bucket(client_of(proxy.url), bucket))
    assert flip.met == 1
    assert error.value.code == "storage_bytes_changed"
    assert list(S3Bucket(direct, bucket).list("")) == []
    assert unfinished_uploads(direct, bucket) == []


def test_a_manifest_whose_bits_flip_on_the_way_is_not_stored(s3_url: str, direct: Any, bucket: str) -> None:
    with fault_proxy(s3_url, [HttpFault("PUT", "manifest", "flip")]) as proxy, pytest.raises(TransientError) as error:
        S3Bucket(client_of(proxy.url), bucket).put_if_absent("manifest.json", b"{}")
    assert error.value.code == "storage_bytes_changed"
    assert list(S3Bucket(direct, bucket).list("")) == []


def test_a_part_that_somebody_replaced_is_found_when_the_upload_is_completed(direct: Any, bucket: str) -> None:
    upload = S3Bucket(direct, bucket).start_upload(KEY)
    upload.part(1, b"ours")
    (other,) = direct.list_multipart_uploads(Bucket=bucket)["Uploads"]
    direct.upload_part(
        Bucket=bucket,
        Key=KEY,
        UploadId=other["UploadId"],
        PartNumber=1,
        Body=b"theirs",
        ChecksumAlgorithm="SHA256",
    )
    with pytest.raises(PermanentError) as error:
        upload.complete()
    assert "InvalidPart" in error.value.message
    assert list(S3Bucket(direct, bucket).list("")) == []


def test_a_second_manifest_is_refused_by_the_store_itself(s3_url: str, direct: Any, bucket: str) -> None:
    store = S3Bucket(direct, bucket)
    version = store.put_if_absent("manifest.json", b"one")
    assert store.put_if_absent("manifest.json", b"one") == version
    with pytest.raises(RefusedError) as error:
        store.put_if_absent("manifest.json", b"two")
    assert error.value.code == "object_exists"
    assert len(direct.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_a_stored_object_that_is_replaced_no_longer_fits_what_was_sent(direct: Any, bucket: str) -> None:
    store = S3Bucket(direct, bucket)
    sent = transfer(store)
    store.put(KEY, b"\0" * sent.size)
    with pytest.raises(DamagedError) as error:
        check_stored(store, sent)
    assert error.value.code == "object_checksum_mismatch"


def test_removing_frees_every_version(direct: Any, bucket: str) -> None:
    store = S3Bucket(direct, bucket)
    store.put("a", b"1")
    store.put("a", b"2")
    direct.delete_object(Bucket=bucket, Key="a")
    assert store.remove(["a"]) == 1
    left = direct.list_object_versions(Bucket=bucket)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
