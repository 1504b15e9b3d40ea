"""Presigned uploads keep the same promises in memory and over S3. Stores that check more are in tests/interop."""

import contextlib
from collections.abc import Callable

import pytest

from builders.granted import BODIES, KEY, Granted, in_memory, md5_of, over_s3, sent
from holdfast.errors import PermanentError

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


def test_parts_that_somebody_sent_by_url_become_the_object(store: Granted) -> None:
    upload_id, parts = sent(store)
    assert [(part.number, part.size) for part in parts] == [(1, len(BODIES[0])), (2, len(BODIES[1]))]
    assert list(store.reader.list("prod-1/")) == []
    store.grants.complete_upload(KEY, upload_id, parts)
    assert store.reader.read(KEY) == b"".join(BODIES)
    assert store.unfinished() == 0


def test_a_completed_upload_and_a_later_head_agree(store: Granted) -> None:
    completed = store.grants.complete_upload(KEY, *sent(store))
    info = store.reader.head(KEY)
    assert (completed.checksum, completed.version_id) == (info.checksum, info.version_id)
    assert completed.checksum.endswith("-2")


def test_a_part_that_is_not_named_is_never_in_the_object(store: Granted) -> None:
    """S3 leaves it out; Ceph RADOS Gateway refuses to complete."""
    upload_id, parts = sent(store)
    with contextlib.suppress(PermanentError):
        store.grants.complete_upload(KEY, upload_id, parts[:1])
    found = [store.reader.read(info.key) for info in store.reader.list("")]
    assert found in ([BODIES[0]], [])


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
    upload_id, parts = sent(store)
    first = store.grants.complete_upload(KEY, upload_id, parts)
    assert store.grants.complete_upload(KEY, upload_id, parts) == first


def test_an_upload_may_be_aborted_twice_and_leaves_nothing(store: Granted) -> None:
    upload_id, _ = sent(store)
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
