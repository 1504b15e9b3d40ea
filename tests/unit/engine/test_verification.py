"""Verification needs room and a manifest; what is missing there is told by name."""

from pathlib import Path

import pytest

from builders.backed_up import CLUSTER, one_backup, only_backup, rewrite_manifest
from builders.services import MemoryServices
from holdfast.engine.catalog import list_backups, load_manifest
from holdfast.engine.verification import verify_and_record
from holdfast.errors import DamagedError, RefusedError
from holdfast.planning.naming import MANIFEST, backup_key


@pytest.fixture
def services() -> MemoryServices:
    return one_backup()


def test_a_database_that_does_not_fit_on_the_disk_is_refused_and_no_damage(
    services: MemoryServices, tmp_path: Path
) -> None:
    backup = only_backup(services)
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    rewrite_manifest(services, backup, snapshot=manifest.snapshot.model_dump(mode="json") | {"raw_size": 1 << 60})
    with pytest.raises(RefusedError, match="disk_short"):
        verify_and_record(services, CLUSTER, backup, work_dir=tmp_path)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["verified"]


def test_verifying_a_backup_with_a_broken_manifest_takes_its_rank(services: MemoryServices, tmp_path: Path) -> None:
    backup = only_backup(services)
    services.bucket.put(backup_key(CLUSTER, backup, MANIFEST), b"{")
    with pytest.raises(DamagedError):
        verify_and_record(services, CLUSTER, backup, work_dir=tmp_path)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["damaged"]
