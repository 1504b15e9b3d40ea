"""The copy of a backup in another bucket, copied by hand here: nothing but S3 itself replicates."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from builders.backed_up import CLUSTER, one_backup, only_backup
from builders.moto_aws import moto_aws
from builders.services import MemoryServices
from holdfast.engine.catalog import load_manifest
from holdfast.engine.copies import copy_state
from holdfast.errors import PermanentError
from holdfast.planning.naming import MANIFEST, SNAPSHOT, backup_key
from holdfast.storage.base import ObjectInfo
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.s3 import S3Bucket


class Replicating(MemoryBucket):
    """What a head tells of the copies is the test's to say."""

    status = "COMPLETED"

    def head(self, key: str) -> ObjectInfo:
        return replace(super().head(key), replication=self.status)


@pytest.fixture
def copied() -> MemoryServices:
    services = one_backup()
    source = Replicating("snapshots", clock=services.clock)
    source.objects = services.bucket.objects
    services.bucket = source
    services.copied = MemoryBucket("copies")
    services.copied.objects = dict(source.objects)
    return services


def state(services: MemoryServices) -> str:
    return copy_state(services, CLUSTER, only_backup(services)).kind


def key(services: MemoryServices, name: str) -> str:
    return backup_key(CLUSTER, only_backup(services), name)


def test_an_installation_without_copies_asks_for_none() -> None:
    assert state(one_backup()) == "none"


def test_a_copy_of_everything_is_there_and_compared(copied: MemoryServices) -> None:
    found = copy_state(copied, CLUSTER, only_backup(copied))
    assert (found.kind, found.compared) == ("there", True)


@pytest.mark.parametrize("name", [MANIFEST, SNAPSHOT])
def test_an_object_that_is_not_there_is_pending_or_missing(copied: MemoryServices, name: str) -> None:
    assert copied.copied
    copied.copied.remove([key(copied, name)])
    for status, kind in {"PENDING": "pending", "FAILED": "missing", "": "missing", "COMPLETED": "missing"}.items():
        copied.bucket.status = status  # type: ignore[attr-defined]
        assert state(copied) == kind


@pytest.mark.parametrize("name", [MANIFEST, SNAPSHOT])
def test_an_object_with_other_bytes_of_the_same_size_differs(copied: MemoryServices, name: str) -> None:
    assert copied.copied
    body = bytearray(copied.copied.read(key(copied, name)))
    body[-2] ^= 1
    copied.copied.put(key(copied, name), bytes(body))
    assert state(copied) == "differs"


def test_a_bucket_that_may_not_be_read_is_no_missing_copy(copied: MemoryServices) -> None:
    def denied(_: str) -> ObjectInfo:
        raise PermanentError("storage_access_denied", "no")

    assert copied.copied
    copied.copied.head = denied  # type: ignore[method-assign,assignment]
    with pytest.raises(PermanentError) as caught:
        state(copied)
    assert caught.value.code == "storage_access_denied"


@pytest.fixture
def s3() -> Iterator[Any]:
    with moto_aws() as client:
        yield client("s3")


def test_over_s3_a_second_bucket_is_compared_by_the_stores_own_checksums(s3: Any) -> None:
    """moto replicates nothing, as LocalStack does not: the objects are put there by hand."""
    services = one_backup()
    services.store = services.bucket
    for name in ("source", "copies"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    manifest, body = load_manifest(services.bucket, CLUSTER, only_backup(services))
    copies = S3Bucket(s3, "copies")
    services.copied = copies  # type: ignore[assignment]
    assert state(services) == "missing"
    upload = copies.start_upload(manifest.snapshot.key)
    upload.part(1, services.bucket.read(manifest.snapshot.key))
    upload.complete()
    assert state(services) == "missing"
    copies.put(key(services, MANIFEST), body)
    found = copy_state(services, CLUSTER, only_backup(services))
    assert found.kind == "there", found.reason
    copies.put(key(services, MANIFEST), body + b" ")
    assert state(services) == "differs"
