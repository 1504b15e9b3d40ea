"""A backup that was forced is there, can be read, and counts as verified nowhere."""

from datetime import timedelta
from pathlib import Path

import pytest

from builders.doubled_nodes import nodes_spec
from builders.doubled_runs import CLUSTER, manifest_of, run, three
from builders.machine import BackupMachine
from builders.services import MemoryServices
from holdfast.engine.catalog import find_backup, newest_verified, read_catalog
from holdfast.engine.indexing import index
from holdfast.engine.verification import find_report, verify_and_record
from holdfast.errors import DamagedError, RefusedError
from holdfast.models.run import Outcome
from holdfast.planning.catalog_key import catalog_prefix


@pytest.fixture
def dirty() -> tuple[MemoryServices, Outcome]:
    services, _ = three(edit=lambda report: report | {"possibly_dirty": True})
    return services, run(services)


def test_its_run_succeeds_with_a_warning_and_without_a_verification(dirty: tuple[MemoryServices, Outcome]) -> None:
    services, outcome = dirty
    manifest = manifest_of(services, outcome)
    assert manifest.possibly_dirty
    assert any("possibly dirty" in warning for warning in outcome.warnings)
    assert outcome.figures
    assert (outcome.figures.revision, outcome.figures.live_keys) == (manifest.database.revision, 0)
    assert find_report(services.reader, CLUSTER, manifest.backup_id) is None
    assert newest_verified(services.reader, CLUSTER) is None


def test_the_catalogue_says_so_also_after_it_was_written_anew(dirty: tuple[MemoryServices, Outcome]) -> None:
    services, _ = dirty
    before = read_catalog(services.reader, CLUSTER).entries
    assert [(entry.state, entry.possibly_dirty) for entry in before] == [("sealed", True)]
    services.bucket.remove([info.key for info in services.bucket.list(catalog_prefix(CLUSTER))])
    index(services, CLUSTER)
    assert read_catalog(services.reader, CLUSTER).entries == before


def test_retention_removes_nothing_after_it_and_counts_it_as_not_verified() -> None:
    services, nodes = three()
    services.clusters.put(nodes_spec(retention={"keep_last": 1}), replace=True)
    first = manifest_of(services, run(services))
    nodes.edit = lambda report: report | {"possibly_dirty": True}
    services.clock.advance(timedelta(days=2))
    second = manifest_of(services, BackupMachine(services).execute(CLUSTER, services.clock()))
    there = {entry.backup_id: entry.state for entry in read_catalog(services.reader, CLUSTER).entries}
    assert there == {first.backup_id: "verified", second.backup_id: "sealed"}
    assert newest_verified(services.reader, CLUSTER) == first.backup_id


def test_verifying_it_reads_it_whole_and_ends_with_the_reason(
    dirty: tuple[MemoryServices, Outcome], tmp_path: Path
) -> None:
    services, outcome = dirty
    with pytest.raises(RefusedError) as refused:
        verify_and_record(services, CLUSTER, str(outcome.backup_id), work_dir=tmp_path)
    assert refused.value.code == "backup_possibly_dirty"


def test_one_that_is_damaged_is_told_as_damaged_all_the_same(
    dirty: tuple[MemoryServices, Outcome], tmp_path: Path
) -> None:
    services, outcome = dirty
    key = manifest_of(services, outcome).snapshot.key
    body = bytearray(services.bucket.objects[key].body)
    body[len(body) // 2] ^= 1
    services.bucket.put(key, bytes(body))
    with pytest.raises(DamagedError):
        verify_and_record(services, CLUSTER, str(outcome.backup_id), work_dir=tmp_path)
    there = find_backup(services.reader, CLUSTER, str(outcome.backup_id))
    assert there
    assert there.state == "damaged"
