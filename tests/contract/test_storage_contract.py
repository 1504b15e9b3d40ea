"""Every object store keeps the same promises: in memory, S3 plain and versioned, S3 without checksums."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from builders.s3_server import client_of, new_bucket
from holdfast.errors import HoldfastError, PermanentError, RefusedError, TransientError
from holdfast.storage.base import Bucket
from holdfast.storage.faulty import FaultyBucket
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.s3 import S3Bucket

MIB = 1024 * 1024

Maker = Callable[[str], Bucket]


def _memory(url: str) -> Bucket:
    return MemoryBucket()


def _s3(url: str) -> Bucket:
    client = client_of(url)
    return S3Bucket(client, new_bucket(client))


def _s3_versioned(url: str) -> Bucket:
    client = client_of(url)
    return S3Bucket(client, new_bucket(client, versioned=True))


def _s3_without_checksums(url: str) -> Bucket:
    client = client_of(url, checksums="none")
    return S3Bucket(client, new_bucket(client), checksums="none")


def _wrapped(url: str) -> Bucket:
    return FaultyBucket(MemoryBucket(), [])


@pytest.fixture(params=[_memory, _wrapped, _s3, _s3_versioned, _s3_without_checksums])
def bucket(request: pytest.FixtureRequest, s3_url: str) -> Bucket:
    make: Maker = request.param
    return make(s3_url)


def _code(error: pytest.ExceptionInfo[HoldfastError]) -> str:
    return error.value.code


def test_what_was_put_is_read_back(bucket: Bucket) -> None:
    bucket.put("a/b.json", b"{}")
    assert bucket.read("a/b.json") == b"{}"


def test_a_second_put_replaces_the_first(bucket: Bucket) -> None:
    bucket.put("a", b"one")
    bucket.put("a", b"two")
    assert bucket.read("a") == b"two"


def test_a_range_is_read_from_start_to_before_end(bucket: Bucket) -> None:
    bucket.put("a", b"0123456789")
    assert bucket.read("a", start=2, end=5) == b"234"
    assert bucket.read("a", start=7) == b"789"


def test_a_range_beyond_the_end_is_an_error_and_not_a_short_answer(bucket: Bucket) -> None:
    bucket.put("a", b"0123456789")
    with pytest.raises(TransientError) as error:
        bucket.read("a", start=5, end=20)
    assert _code(error) == "storage_unavailable"


def test_a_head_tells_size_time_and_checksum(bucket: Bucket) -> None:
    bucket.put("a", b"hello")
    info = bucket.head("a")
    assert (info.key, info.size) == ("a", 5)
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=5)
    kind, _, value = info.checksum.partition(":")
    assert kind in ("sha256", "etag")
    assert value


@pytest.mark.parametrize("call", ["head", "read"])
def test_a_missing_object_is_named_as_such(bucket: Bucket, call: str) -> None:
    actions: dict[str, Callable[[], object]] = {
        "head": lambda: bucket.head("none"),
        "read": lambda: bucket.read("none"),
    }
    with pytest.raises(PermanentError) as error:
        actions[call]()
    assert _code(error) == "object_not_found"


def test_a_list_is_in_key_order_and_below_the_prefix_only(bucket: Bucket) -> None:
    for key in ("b/2", "b/1", "a/1", "b/10", "c"):
        bucket.put(key, key.encode())
    assert [(info.key, info.size) for info in bucket.list("b/")] == [("b/1", 3), ("b/10", 4), ("b/2", 3)]
    assert list(bucket.list("nothing/")) == []


def test_folders_are_told_once_whatever_lies_in_each_and_objects_beside_them_are_none(bucket: Bucket) -> None:
    for key in ("c/2026/a", "c/2026/b/deep", "c/2027/a", "c/2", "c/runs/a", "d/2026/a"):
        bucket.put(key, b"x")
    assert list(bucket.folders("c/2")) == ["c/2026/", "c/2027/"]
    assert list(bucket.folders("c/2026/")) == ["c/2026/b/"]
    assert list(bucket.folders("nothing/")) == []


def test_put_if_absent_puts_once(bucket: Bucket) -> None:
    bucket.put_if_absent("manifest.json", b"one")
    assert bucket.read("manifest.json") == b"one"


def test_put_if_absent_accepts_the_same_bytes_again(bucket: Bucket) -> None:
    first = bucket.put_if_absent("manifest.json", b"one")
    assert bucket.put_if_absent("manifest.json", b"one") == first


def test_put_if_absent_refuses_other_bytes_and_keeps_the_first(bucket: Bucket) -> None:
    bucket.put_if_absent("manifest.json", b"one")
    with pytest.raises(RefusedError) as error:
        bucket.put_if_absent("manifest.json", b"two")
    assert _code(error) == "object_exists"
    assert bucket.read("manifest.json") == b"one"


def test_an_upload_becomes_an_object_when_it_is_complete(bucket: Bucket) -> None:
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB), b"the rest"]
    upload = bucket.start_upload("snapshot")
    threads = [threading.Thread(target=upload.part, args=(n, data)) for n, data in enumerate(parts, start=1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(bucket.list("snapshot")) == []
    upload.complete()
    assert bucket.read("snapshot") == b"".join(parts)


def test_a_completed_upload_and_a_head_agree_on_the_checksum(bucket: Bucket) -> None:
    upload = bucket.start_upload("snapshot")
    upload.part(1, os.urandom(5 * MIB))
    upload.part(2, b"the rest")
    completed = upload.complete()
    info = bucket.head("snapshot")
    assert completed.checksum == info.checksum
    assert completed.checksum.endswith("-2")
    assert completed.version_id == info.version_id


def test_an_aborted_upload_leaves_nothing(bucket: Bucket) -> None:
    upload = bucket.start_upload("snapshot")
    upload.part(1, b"some bytes")
    upload.abort()
    assert list(bucket.list("snapshot")) == []
    assert bucket.abort_uploads("snapshot") == 0


def test_an_upload_may_be_aborted_twice(bucket: Bucket) -> None:
    upload = bucket.start_upload("snapshot")
    upload.abort()
    upload.abort()
    assert bucket.abort_uploads("snapshot") == 0


def test_a_part_of_an_aborted_upload_is_refused(bucket: Bucket) -> None:
    upload = bucket.start_upload("snapshot")
    upload.abort()
    with pytest.raises(TransientError) as error:
        upload.part(1, b"late")
    # moto breaks here and answers 500; S3's own 404 NoSuchUpload is in test_s3_faults.py.
    assert _code(error) in ("upload_gone", "storage_unavailable")


def test_unfinished_uploads_are_aborted_below_their_prefix_only(bucket: Bucket) -> None:
    for key in ("a/1", "a/2", "b/1"):
        bucket.start_upload(key).part(1, b"x")
    assert bucket.abort_uploads("a/") == 2
    assert bucket.abort_uploads("a/") == 0
    assert bucket.abort_uploads("") == 1


def test_removed_objects_are_gone_and_missing_ones_are_no_error(bucket: Bucket) -> None:
    for key in ("a", "a/b", "c"):
        bucket.put(key, b"x")
    assert bucket.remove(["a", "c", "never-there"]) == 2
    assert [info.key for info in bucket.list("")] == ["a/b"]
