"""What the double of presigned uploads promises beyond the suite: moto answers 500 there, or believes what it gets."""

from datetime import timedelta

import pytest

from builders.granted import KEY, Granted, in_memory, md5_of, sent
from builders.services import Clock
from holdfast.errors import PermanentError
from holdfast.storage.faulty import Fault, FaultyBucket, FaultyGrants, slow_down
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.memory_grants import MemoryGrants


@pytest.fixture(params=[False, True], ids=["memory", "wrapped"])
def double(request: pytest.FixtureRequest) -> Granted:
    return in_memory(faulty=request.param)


def test_completing_an_aborted_upload_is_refused_beside_an_object_of_another_size(double: Granted) -> None:
    url = double.grants.put_url(KEY, expires_s=60)
    double.send(url, b"another object")
    upload_id, parts = sent(double)
    double.grants.abort_upload(KEY, upload_id)
    with pytest.raises(PermanentError) as error:
        double.grants.complete_upload(KEY, upload_id, parts)
    assert error.value.code == "upload_gone"
    assert double.reader.read(KEY) == b"another object"


def test_an_upload_that_is_gone_is_named_as_such(double: Granted) -> None:
    upload_id, parts = sent(double)
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
