"""Which store a key leads to: the one of its cluster, below its folder, and never another cluster's."""

import pytest

from builders.stores import storage
from holdfast.errors import PermanentError, TransientError
from holdfast.models.storage import StorageSpec
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.memory_grants import MemoryGrants
from holdfast.storage.routing import SPEC_LIFE_S, KnownSpecs, Place, RoutedBucket, RoutedGrants


def two_stores() -> tuple[RoutedBucket, MemoryBucket, MemoryBucket]:
    """ "lab" has a store of its own with a folder, every other cluster is in the installation's."""
    own, ours = MemoryBucket("own"), MemoryBucket("installation")
    return RoutedBucket(lambda id_: Place(own, "team/etcd") if id_ == "lab" else Place(ours)), own, ours


def test_each_cluster_has_its_objects_in_its_own_store_and_nobody_sees_the_folder() -> None:
    bucket, own, ours = two_stores()
    for key in ("lab/a", "lab/b/c", "prod-1/a"):
        bucket.put(key, key.encode())
    assert sorted(own.objects) == ["team/etcd/lab/a", "team/etcd/lab/b/c"]
    assert sorted(ours.objects) == ["prod-1/a"]
    assert [info.key for info in bucket.list("lab/")] == ["lab/a", "lab/b/c"]
    assert list(bucket.folders("lab/")) == ["lab/b/"]
    assert (bucket.head("lab/a").key, bucket.read("lab/b/c")) == ("lab/a", b"lab/b/c")
    assert bucket.remove(["lab/a", "prod-1/a", "lab/b/c", "lab/none"]) == 3
    assert not own.objects
    assert not ours.objects


def test_an_upload_and_its_clean_up_go_to_the_clusters_store() -> None:
    bucket, own, ours = two_stores()
    bucket.start_upload("lab/x")
    bucket.start_upload("prod-1/x")
    assert bucket.abort_uploads("lab/") == 1
    assert (own.unfinished, len(ours.unfinished)) == ([], 1)


@pytest.mark.parametrize("key", ["", "lab", "/lab/a", "../lab/a", "Lab/a", "./lab/a", "-a/b"])
def test_a_key_that_names_no_cluster_leads_nowhere(key: str) -> None:
    bucket, _, _ = two_stores()
    for call in (bucket.read, bucket.list, bucket.abort_uploads, lambda each: bucket.remove([each])):
        with pytest.raises(PermanentError) as error:
            call(key)
        assert error.value.code == "storage_key_unrouted"


def test_urls_are_signed_for_the_clusters_store_with_its_folder() -> None:
    own, ours = MemoryGrants(MemoryBucket("own")), MemoryGrants(MemoryBucket("installation"))
    grants = RoutedGrants(lambda id_: Place(own, "team") if id_ == "lab" else Place(ours))
    assert grants.put_url("lab/x", expires_s=9).get_secret_value().startswith("memory://own/team/lab/x?")
    assert grants.read_url("prod-1/x", expires_s=9).get_secret_value().startswith("memory://installation/prod-1/x?")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_spec_is_asked_for_once_a_minute_so_that_a_change_is_seen() -> None:
    asked: list[str] = []
    clock, current = Clock(), storage()

    def look(cluster_id: str) -> StorageSpec:
        asked.append(cluster_id)
        return current

    known = KnownSpecs(look, clock=clock)
    assert [known("lab"), known("lab"), known("prod-1")] == [current] * 3
    assert asked == ["lab", "prod-1"]
    current = storage(bucket="other")
    clock.now = SPEC_LIFE_S - 1
    assert known("lab").bucket == "snapshots"
    clock.now = SPEC_LIFE_S
    assert known("lab").bucket == "other"


def test_a_registry_that_does_not_answer_is_an_error_and_never_the_installations_store() -> None:
    answers = iter([TransientError("state_unavailable", "on demand")])

    def look(_: str) -> StorageSpec:
        for error in answers:
            raise error
        return storage()

    known = KnownSpecs(look)
    with pytest.raises(TransientError):
        known("lab")
    assert known("lab") == storage()
