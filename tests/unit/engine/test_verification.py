"""Verification needs room and a manifest; what is missing there is told by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.engine.catalog import list_backups, load_manifest
from holdfast.engine.verification import verify_and_record
from holdfast.errors import DamagedError, RefusedError
from holdfast.planning.naming import MANIFEST, backup_key

CLUSTER = "prod-1"


@pytest.fixture
def services() -> MemoryServices:
    made = services_with()
    assert BackupMachine(made).execute(CLUSTER, START).status == "succeeded"
    return made


def only_backup(services: MemoryServices) -> str:
    (entry,) = list_backups(services.bucket, CLUSTER)
    return entry.backup_id


def rewrite(services: MemoryServices, backup: str, **changes: Any) -> None:
    key = backup_key(CLUSTER, backup, MANIFEST)
    services.bucket.put(key, json.dumps(json.loads(services.bucket.read(key)) | changes).encode())


def test_a_database_that_does_not_fit_on_the_disk_is_refused_and_no_damage(
    services: MemoryServices, tmp_path: Path
) -> None:
    backup = only_backup(services)
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    rewrite(services, backup, snapshot=manifest.snapshot.model_dump(mode="json") | {"raw_size": 1 << 60})
    with pytest.raises(RefusedError, match="disk_short"):
        verify_and_record(services, CLUSTER, backup, work_dir=tmp_path)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["verified"]


def test_verifying_a_backup_with_a_broken_manifest_takes_its_rank(services: MemoryServices, tmp_path: Path) -> None:
    backup = only_backup(services)
    services.bucket.put(backup_key(CLUSTER, backup, MANIFEST), b"{")
    with pytest.raises(DamagedError):
        verify_and_record(services, CLUSTER, backup, work_dir=tmp_path)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["damaged"]
