"""Presigned uploads keep the same promises in memory and over S3. LocalStack, which checks more, is in tests/e2e."""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from builders.granted import Granted, in_memory, md5_of, over_s3
from builders.services import Clock
from holdfast.errors import PermanentError
from holdfast.storage.base import SentPart
from holdfast.storage.faulty import Fault, FaultyBucket, FaultyGrants, slow_down
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.memory_grants import MemoryGrants

MIB = 1024 * 1024
KEY = "prod-1/some backup/snapshot.db.zst"
BODIES = (os.urandom(5 * MIB), b"the rest")

MAKERS: dict[str, Callable[[str], Granted]] = {
    "memory": lambda _: in_memory(),
    "wrapped": lambda _: in_memory(faulty=True),
    "s3": over_s3,
    "versioned": lambda url: over_s3(url, versioned=True),
    "without-checksums": lambda url: over_s3(url, checksums="none"),
}


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest, s3_url: str) -> Granted:
    return MAKERS[request.param](s3_url)


def _sent(store: Granted) -> tuple[str, tuple[SentPart, ...]]:
    """An upload whose parts are there, sent by URL."""
    upload_id = store.grants.begin_upload(KEY, content_type="application/zstd")
    for url, body in zip(store.grants.part_urls(KEY, upload_id, len(BODIES), expires_s=60), BODIES, strict=True):
        status, _ = store.send(url, body, content_md5=md5_of(body))
        assert status == 200
    return upload_id, store.grants.sent_parts(KEY, upload_id)


def test_parts_that_somebody_sent_by_url_become_the_object(store: Granted) -> None:
    upload_id, parts = _sent(store)
    assert [(part.number, part.size) for part in parts] == [(1, 5 * MIB), (2, 8)]
    assert list(store.reader.list("prod-1/")) == []
    store.grants.complete_upload(KEY, upload_id, parts)
    assert store.reader.read(KEY) == b"".join(BODIES)
    assert store.unfinished() == 0


def test_a_completed_upload_and_a_later_head_agree(store: Granted) -> None:
    completed = store.grants.complete_upload(KEY, *_sent(store))
    info = store.reader.head(KEY)
    assert (completed.checksum, completed.version_id) == (info.checksum, info.version_id)
    assert completed.checksum.endswith("-2")


def test_only_the_parts_that_are_named_are_in_the_object(store: Granted) -> None:
    upload_id, parts = _sent(store)
    store.grants.complete_upload(KEY, upload_id, parts[:1])
    assert store.reader.read(KEY) == BODIES[0]


def test_a_part_that_was_sent_again_counts_once(store: Granted) -> None:
    upload_id = store.grants.begin_upload(KEY, content_type="application/zstd")
    (url,) = store.grants.part_urls(KEY, upload_id, 1, expires_s=60)
    assert [store.send(url, body)[0] for body in (b"first", b"again")] == [200, 200]
    parts = store.grants.sent_parts(KEY, upload_id)
    assert [(part.number, part.size) for part in parts] == [(1, 5)]
    store.grants.complete_upload(KEY, upload_id, parts)
    assert store.reader.read(KEY) == b"again"


def test_an_upload_without_parts_has_none(store: Granted) -> None:
    assert store.grants.sent_parts(KEY, store.grants.begin_upload(KEY, content_type="application/zstd")) == ()


def test_completing_again_finds_the_object_that_was_made(store: Granted) -> None:
    upload_id, parts = _sent(store)
    first = store.grants.complete_upload(KEY, upload_id, parts)
    assert store.grants.complete_upload(KEY, upload_id, parts) == first


def test_an_upload_may_be_aborted_twice_and_leaves_nothing(store: Granted) -> None:
    upload_id, _ = _sent(store)
    store.grants.abort_upload(KEY, upload_id)
    store.grants.abort_upload(KEY, upload_id)
    assert store.unfinished() == 0
    assert list(store.reader.list("")) == []


def test_one_object_is_put_and_read_by_url(store: Granted) -> None:
    put = store.grants.put_url(KEY, expires_s=60)
    assert store.send(put, b"a bundle", content_md5=md5_of(b"a bundle"))[0] == 200
    assert store.reader.read(KEY) == b"a bundle"
    assert store.send(store.grants.read_url(KEY, expires_s=60), None) == (200, b"a bundle")


def test_a_url_for_what_is_not_there_answers_404(store: Granted) -> None:
    assert store.send(store.grants.read_url("never/there", expires_s=60), None)[0] == 404


def test_a_url_is_not_shown_by_printing_it(store: Granted) -> None:
    url = store.grants.put_url(KEY, expires_s=60)
    assert "snapshot" in url.get_secret_value()
    assert "snapshot" not in f"{url!r} {url}"


# Where moto answers 500, or believes what it gets; LocalStack is asked the same in tests/e2e.


@pytest.fixture(params=[False, True], ids=["memory", "wrapped"])
def double(request: pytest.FixtureRequest) -> Granted:
    return in_memory(faulty=request.param)


def test_completing_an_aborted_upload_is_refused_beside_an_object_of_another_size(double: Granted) -> None:
    url = double.grants.put_url(KEY, expires_s=60)
    double.send(url, b"another object")
    upload_id, parts = _sent(double)
    double.grants.abort_upload(KEY, upload_id)
    with pytest.raises(PermanentError) as error:
        double.grants.complete_upload(KEY, upload_id, parts)
    assert error.value.code == "upload_gone"
    assert double.reader.read(KEY) == b"another object"


def test_an_upload_that_is_gone_is_named_as_such(double: Granted) -> None:
    upload_id, parts = _sent(double)
    double.grants.abort_upload(KEY, upload_id)
    for call in (
        lambda: double.grants.sent_parts(KEY, upload_id),
        lambda: double.grants.complete_upload(KEY, upload_id, parts),
    ):
        with pytest.raises(PermanentError) as error:
            call()
        assert error.value.code == "upload_gone"


def test_the_double_refuses_an_expired_url() -> None:
    clock = Clock()
    store = in_memory(clock=clock)
    url = store.grants.put_url(KEY, expires_s=60)
    clock.advance(timedelta(seconds=61))
    assert store.send(url, b"late")[0] == 403
    assert list(store.reader.list("")) == []


def test_the_double_refuses_a_part_whose_checksum_does_not_fit() -> None:
    store = in_memory()
    assert store.send(store.grants.put_url(KEY, expires_s=60), b"changed", content_md5=md5_of(b"sent"))[0] == 400


def test_the_double_refuses_a_url_of_the_other_method() -> None:
    store = in_memory()
    store.grants.put_url(KEY, expires_s=60)
    assert store.send(store.grants.put_url(KEY, expires_s=60), None)[0] == 403


def test_the_double_answers_a_node_as_it_is_told_and_then_works_again() -> None:
    grants = MemoryGrants(MemoryBucket())
    url = grants.put_url(KEY, expires_s=60)
    grants.refuse_next(503, 500)
    assert [grants.receive(url, b"x").status for _ in range(3)] == [503, 500, 200]


def test_the_wrapper_fails_the_call_that_was_asked_for() -> None:
    bucket = MemoryBucket()
    grants = FaultyGrants(FaultyBucket(bucket, [Fault("begin_upload", slow_down, call=2)]), MemoryGrants(bucket))
    grants.begin_upload(KEY, content_type="application/zstd")
    with pytest.raises(Exception, match="SlowDown"):
        grants.begin_upload(KEY, content_type="application/zstd")
    assert len(bucket.unfinished) == 1
