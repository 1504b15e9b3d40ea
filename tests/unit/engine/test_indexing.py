"""The catalogue is written by who finds something out, and written again from the objects when it is lost."""

import tempfile
from pathlib import Path

import pytest

from builders.backed_up import CLUSTER, one_backup, only_backup, rewrite_manifest, unverified
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.engine.catalog import find_backup, list_backups, look_at_objects, read_catalog
from holdfast.engine.indexing import index
from holdfast.engine.verification import verify_and_record
from holdfast.errors import PermanentError
from holdfast.planning.catalog_key import accept_key, catalog_prefix, hold_key
from holdfast.planning.naming import DAMAGED, FILES, MANIFEST, SNAPSHOT, VERIFIED, backup_key
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied


@pytest.fixture
def services() -> MemoryServices:
    return one_backup()


def names(services: MemoryServices) -> list[str]:
    prefix = catalog_prefix(CLUSTER)
    return [key.removeprefix(prefix) for key in services.bucket.objects if key.startswith(prefix)]


def forget(services: MemoryServices) -> None:
    services.bucket.remove([f"{catalog_prefix(CLUSTER)}{name}" for name in names(services)])


def test_a_backup_that_ended_has_one_name_and_it_tells_what_the_verification_found(services: MemoryServices) -> None:
    backup = only_backup(services)
    (entry,) = list_backups(services.bucket, CLUSTER)
    assert names(services) == [f"{backup}.v.{entry.size}.{entry.raw_size}.38.{entry.resources}"]
    assert entry.raw_size == len(services.member.snapshot_file)
    assert entry.size == services.bucket.head(backup_key(CLUSTER, backup, SNAPSHOT)).size
    assert find_backup(services.bucket, CLUSTER, backup) == entry
    assert look_at_objects(services.bucket, CLUSTER) == [entry]


def test_seal_tells_the_catalogue_before_anything_is_verified() -> None:
    services = services_with()

    def stop(phase: str) -> None:
        if phase == "Verify":
            raise PermanentError("storage_access_denied", "no more")

    BackupMachine(services, on_phase=stop).execute(CLUSTER, START)
    (entry,) = list_backups(services.bucket, CLUSTER)
    assert (entry.state, entry.raw_size, entry.live_keys, entry.resources) == (
        "sealed",
        len(services.member.snapshot_file),
        0,
        "",
    )


def test_a_seal_that_dies_after_its_manifest_tells_the_catalogue_when_it_is_tried_again() -> None:
    services = services_with()
    # The first put is that of the plan, the second that of the signature, the third that of the name.
    services.store = FaultyBucket(services.bucket, [Fault("put", access_denied, call=3)])
    assert BackupMachine(services).execute(CLUSTER, START).status == "failed"
    assert list_backups(services.bucket, CLUSTER) == []
    (there,) = look_at_objects(services.bucket, CLUSTER)
    assert there.state == "sealed"
    services.store = None
    (written,) = index(services, CLUSTER).written
    assert list_backups(services.bucket, CLUSTER) == [written] == look_at_objects(services.bucket, CLUSTER)


def test_a_lost_catalogue_is_written_again_as_it_was(services: MemoryServices) -> None:
    before = names(services)
    forget(services)
    assert list_backups(services.bucket, CLUSTER) == []
    done = index(services, CLUSTER)
    assert names(services) == before
    assert [entry.backup_id for entry in done.written] == [only_backup(services)]
    again = index(services, CLUSTER)
    assert (again.written, again.gone, again.unreadable) == ((), (), ())


@pytest.mark.parametrize(
    ("removed", "state"),
    [((VERIFIED,), "sealed"), ((SNAPSHOT,), "damaged"), ((MANIFEST,), "damaged"), (FILES, None), ((), "verified")],
)
def test_the_objects_decide_what_the_catalogue_says(
    services: MemoryServices, removed: tuple[str, ...], state: str | None
) -> None:
    backup = only_backup(services)
    services.bucket.remove(backup_key(CLUSTER, backup, name) for name in removed)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["verified"]
    done = index(services, CLUSTER)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ([state] if state else [])
    assert done.gone == (() if state else (backup,))
    assert read_catalog(services.bucket, CLUSTER).superseded == ()


def test_a_backup_that_came_back_is_no_longer_called_damaged(services: MemoryServices) -> None:
    backup = only_backup(services)
    key = backup_key(CLUSTER, backup, SNAPSHOT)
    kept = services.bucket.objects.pop(key)
    assert [entry.state for entry in index(services, CLUSTER).written] == ["damaged"]
    services.bucket.objects[key] = kept
    assert [entry.state for entry in index(services, CLUSTER).written] == ["verified"]
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["verified"]


def test_damage_that_was_recorded_is_told_and_stays(services: MemoryServices) -> None:
    services.bucket.put(backup_key(CLUSTER, only_backup(services), DAMAGED), b"{}")
    forget(services)
    index(services, CLUSTER)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["damaged"]


def test_a_manifest_that_does_not_parse_is_damage_and_another_clusters_is_named_and_left(
    services: MemoryServices,
) -> None:
    backup = only_backup(services)
    forget(services)
    rewrite_manifest(services, backup, cluster_id="prod-2")
    done = index(services, CLUSTER)
    assert (done.written, done.unreadable) == ((), ((backup, "backup_of_other_cluster"),))
    services.bucket.put(backup_key(CLUSTER, backup, MANIFEST), b"{")
    assert [entry.state for entry in index(services, CLUSTER).written] == ["damaged"]


def test_markers_outlive_an_index_and_a_hold_what_is_gone(services: MemoryServices) -> None:
    backup = only_backup(services)
    for key in (hold_key(CLUSTER, backup), accept_key(CLUSTER, backup)):
        services.bucket.put(key, b"")
    services.bucket.remove([backup_key(CLUSTER, backup, VERIFIED)])
    index(services, CLUSTER)
    (entry,) = list_backups(services.bucket, CLUSTER)
    assert (entry.state, entry.held, entry.accepted) == ("sealed", True, True)
    assert look_at_objects(services.bucket, CLUSTER)[0].held
    services.bucket.remove(backup_key(CLUSTER, backup, name) for name in FILES)
    index(services, CLUSTER)
    assert names(services) == [f"{backup}.hold"]


def test_an_access_that_is_denied_is_not_taken_for_an_empty_catalogue(services: MemoryServices) -> None:
    denied = FaultyBucket(services.bucket, [Fault("list", access_denied, times=9)])
    for look in (list_backups, look_at_objects):
        with pytest.raises(PermanentError) as raised:
            look(denied, CLUSTER)
        assert raised.value.code == "storage_access_denied"


def test_what_is_verified_while_an_index_reads_stays_verified(services: MemoryServices) -> None:
    backup = only_backup(services)
    unverified(services, backup)
    forget(services)
    read = services.bucket.read

    def verified_meanwhile(key: str, *, start: int = 0, end: int | None = None) -> bytes:
        body = read(key, start=start, end=end)
        services.bucket.read = read  # type: ignore[method-assign]
        with tempfile.TemporaryDirectory() as folder:
            verify_and_record(services, CLUSTER, backup, work_dir=Path(folder))
        return body

    services.bucket.read = verified_meanwhile  # type: ignore[method-assign]
    index(services, CLUSTER)
    assert [(entry.state, entry.live_keys) for entry in list_backups(services.bucket, CLUSTER)] == [("verified", 38)]


def test_a_manifest_that_does_not_parse_is_written_down_once(services: MemoryServices) -> None:
    services.bucket.put(backup_key(CLUSTER, only_backup(services), MANIFEST), b"{")
    forget(services)
    assert [entry.state for entry in index(services, CLUSTER).written] == ["damaged"]
    assert index(services, CLUSTER).written == ()
