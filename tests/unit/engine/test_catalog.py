"""What a listing tells, and what a manifest vouches for: one backup, its own."""

import pytest

from builders.backed_up import CLUSTER, in_gzip, one_backup, only_backup, rewrite_manifest
from builders.services import MemoryServices
from holdfast.engine.catalog import load_manifest, look_at_objects
from holdfast.errors import DamagedError, HoldfastError, PermanentError, RefusedError
from holdfast.planning.naming import GZIPPED_SNAPSHOT, MANIFEST, SNAPSHOT, backup_key


@pytest.fixture
def services() -> MemoryServices:
    return one_backup()


def refusal(services: MemoryServices, backup: str) -> HoldfastError:
    with pytest.raises(HoldfastError) as raised:
        load_manifest(services.bucket, CLUSTER, backup)
    return raised.value


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_manifest_that_cannot_be_read_is_damage(services: MemoryServices, body: bytes) -> None:
    backup = only_backup(services)
    services.bucket.put(backup_key(CLUSTER, backup, MANIFEST), body)
    error = refusal(services, backup)
    assert (type(error), error.code) == (DamagedError, "manifest_invalid")


def test_the_manifest_of_another_backup_is_damage(services: MemoryServices) -> None:
    backup = only_backup(services)
    rewrite_manifest(services, backup, backup_id="20261120T154300Z-r-000000")
    assert refusal(services, backup).code == "manifest_invalid"


def test_the_manifest_of_another_clusters_backup_is_refused_by_name(services: MemoryServices) -> None:
    backup = only_backup(services)
    rewrite_manifest(services, backup, cluster_id="prod-2")
    error = refusal(services, backup)
    assert (type(error), error.code) == (RefusedError, "backup_of_other_cluster")


def test_a_manifest_that_points_at_another_backups_object_vouches_for_nothing(services: MemoryServices) -> None:
    backup = only_backup(services)
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    elsewhere = manifest.snapshot.model_copy(update={"key": f"{CLUSTER}/other/snapshot.db.zst"})
    rewrite_manifest(services, backup, snapshot=elsewhere.model_dump(mode="json"))
    assert refusal(services, backup).code == "manifest_invalid"


def test_a_manifest_of_a_newer_form_is_no_damage(services: MemoryServices) -> None:
    backup = only_backup(services)
    rewrite_manifest(services, backup, schema_version=2)
    error = refusal(services, backup)
    assert (type(error), error.code) == (PermanentError, "manifest_newer")


@pytest.mark.parametrize("name", [SNAPSHOT, GZIPPED_SNAPSHOT])
def test_a_look_at_the_objects_takes_either_object_for_the_snapshot_and_none_for_damage(
    services: MemoryServices, name: str
) -> None:
    backup = only_backup(services)
    if name == GZIPPED_SNAPSHOT:
        in_gzip(services, backup)
    key = backup_key(CLUSTER, backup, name)
    (entry,) = look_at_objects(services.bucket, CLUSTER)
    assert (entry.state, entry.size) == ("verified", services.bucket.head(key).size)
    services.bucket.remove([key])
    (entry,) = look_at_objects(services.bucket, CLUSTER)
    assert (entry.state, entry.size) == ("damaged", 0)


def test_an_object_of_either_name_without_a_manifest_is_a_leftover(services: MemoryServices) -> None:
    backup = only_backup(services)
    in_gzip(services, backup)
    services.bucket.remove([backup_key(CLUSTER, backup, MANIFEST)])
    assert [entry.state for entry in look_at_objects(services.bucket, CLUSTER)] == ["unsealed"]


def test_the_name_of_the_object_and_its_compression_agree(services: MemoryServices) -> None:
    backup = only_backup(services)
    manifest = in_gzip(services, backup)
    assert load_manifest(services.bucket, CLUSTER, backup)[0] == manifest
    wrong = manifest.snapshot.model_copy(update={"compression": "zstd"})
    rewrite_manifest(services, backup, snapshot=wrong.model_dump(mode="json"))
    assert refusal(services, backup).code == "manifest_invalid"
