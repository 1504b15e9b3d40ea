"""Encryption that puts name, at stores that know it, know some of it, or ignore it; and policies that demand it."""

import json
from typing import Any

import pytest

from builders.kept import Control, Kept, kept
from builders.sites import Site
from holdfast.storage.s3 import S3Bucket

KEYS = {"key": "testkey-1", "secrets_key": "testkey-2"}


@pytest.fixture
def encrypting(controlled: Control, site: Site) -> Kept:
    keys = KEYS if site.name == "ceph" else localstack_keys(controlled)
    return kept(controlled, site, storage={"encryption": {"kind": "kms", **keys}})


def localstack_keys(controlled: Control) -> dict[str, str]:
    kms = controlled.client("kms")
    return {name: kms.create_key()["KeyMetadata"]["Arn"] for name in KEYS}


def demand(client: Any, bucket: str) -> None:
    """Whoever puts has to name an encryption."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}},
    }
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def test_every_object_of_a_backup_is_encrypted_with_the_key_that_the_storage_names(encrypting: Kept) -> None:
    outcome = encrypting.backup()
    assert outcome.status == "succeeded", outcome.error
    spec = encrypting.spec.storage
    assert spec
    heads = [encrypting.client.head_object(Bucket=encrypting.snapshots, Key=key) for key in encrypting.stored()]
    assert len(heads) > 5
    assert {(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in heads} == {("aws:kms", spec.encryption.key)}
    assert encrypting.holdfast("backup", "verify", encrypting.cluster, "latest").code == 0


def test_a_key_that_is_not_there_fails_the_first_put_by_its_name(controlled: Control, ceph: Site) -> None:
    keep = kept(controlled, ceph, storage={"encryption": {"kind": "kms", "key": "nobody-s", "secrets_key": "other"}})
    error = keep.backup().error
    assert error
    assert error.code == "storage_key_unusable"
    assert "nobody-s" in error.message


def test_encryption_that_the_store_ignores_fails_the_run_and_seals_nothing(controlled: Control, ceph: Site) -> None:
    """Ceph RADOS Gateway 16 has no SSE-S3, and takes the put all the same."""
    keep = kept(controlled, ceph, storage={"encryption": {"kind": "s3"}})
    error = keep.backup().error
    assert error
    assert error.code == "storage_encryption_ignored"
    assert keep.listed() == []
    with pytest.raises(Exception, match="storage_encryption_ignored"):
        keep.services.grants.begin_upload(f"{keep.cluster}/x", content_type="application/zstd")
    assert keep.unfinished() == []


def test_a_policy_that_demands_encryption_headers_stops_uploads_in_parts_on_ceph(
    controlled: Control, ceph: Site
) -> None:
    """Release 16 looks for the header in a put of one piece and not in the start of an upload: no client can comply."""
    keep = kept(controlled, ceph, storage={"encryption": {"kind": "kms", **KEYS}})
    demand(keep.client, keep.snapshots)
    plain = S3Bucket(keep.client, keep.snapshots, checksums="none")
    with pytest.raises(Exception, match="storage_access_denied"):
        plain.put("c/plain", b"x")
    keep.services.writer.put(f"{keep.cluster}/one-piece", b"x")
    error = keep.backup().error
    assert error
    assert error.code == "storage_access_denied"
    assert keep.listed() == []
