"""A whole backup over the shipped doubles: what it leaves, and what any failure at any place leaves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from builders.etcd_facts import etcd_facts, status
from builders.machine import PHASES, BackupMachine, Killed
from builders.services import START, MemoryServices, services_with
from builders.specs import cluster_spec
from holdfast.engine.catalog import list_backups, load_manifest, look_at_objects
from holdfast.engine.verification import load_report
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.etcd.memory import CutBeforeHash, EndsAfter, FailsAfter, FailsBefore, FlippedBit, SnapshotFault
from holdfast.planning.backup_plan import LEASE
from holdfast.planning.naming import SNAPSHOT
from holdfast.storage.faulty import (
    Fault,
    FaultyBucket,
    Operation,
    access_denied,
    bucket_missing,
    clock_skew,
    reset,
    slow_down,
)
from holdfast.storage.memory import StoredObject

CLUSTER = "prod-1"


def states(services: MemoryServices) -> list[str]:
    return [entry.state for entry in list_backups(services.bucket, CLUSTER)]


def leftovers(services: MemoryServices) -> list[str]:
    """Uploads nobody finished, and objects that no manifest vouches for."""
    unsealed = [entry.backup_id for entry in look_at_objects(services.bucket, CLUSTER) if entry.state == "unsealed"]
    return [upload.key for upload in services.bucket.unfinished] + unsealed


def test_a_backup_ends_verified_told_and_with_the_lease_free() -> None:
    services = services_with()
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.status == "succeeded"
    assert states(services) == ["verified"]
    assert services.notifier.outcomes == [outcome]
    assert services.leases.holder(CLUSTER) is None
    assert services.runs.get(CLUSTER, outcome.run_id).outcome == outcome
    assert leftovers(services) == []


def test_the_manifest_and_the_report_say_what_was_in_the_database() -> None:
    services = services_with()
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.backup_id
    assert outcome.figures
    manifest, _ = load_manifest(services.bucket, CLUSTER, outcome.backup_id)
    report = load_report(services.bucket, CLUSTER, outcome.backup_id)
    assert manifest.snapshot.raw_size == len(services.member.snapshot_file)
    assert manifest.database == report.database.head
    assert report.database.resources["configmaps"].count == outcome.figures.live_keys == 38
    assert "etcd-2" in manifest.source.reason or "etcd-3" in manifest.source.reason


def test_repeating_every_phase_changes_nothing() -> None:
    services = services_with()
    outcome = BackupMachine(services, repeat=True).execute(CLUSTER, START)
    assert outcome.status == "succeeded"
    assert states(services) == ["verified"]
    assert leftovers(services) == []


@pytest.mark.parametrize("error", [access_denied, bucket_missing, clock_skew])
@pytest.mark.parametrize(
    "operation", ["put", "start_upload", "part", "complete", "head", "read", "put_if_absent", "list", "abort_uploads"]
)
def test_a_store_that_refuses_fails_the_run_and_leaves_nothing_unsealed(
    operation: Operation, error: Callable[[], HoldfastError]
) -> None:
    services = services_with()
    services.store = FaultyBucket(services.bucket, [Fault(operation, error)])
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.status == "failed"
    assert outcome.error
    assert outcome.error.code == error().code
    assert leftovers(services) == []
    assert services.leases.holder(CLUSTER) is None
    assert services.notifier.outcomes == [outcome]


@pytest.mark.parametrize("error", [slow_down, reset])
@pytest.mark.parametrize(
    "operation", ["put", "start_upload", "part", "complete", "head", "read", "put_if_absent", "list", "abort_uploads"]
)
def test_a_store_that_recovers_costs_a_retry_and_nothing_else(
    operation: Operation, error: Callable[[], HoldfastError]
) -> None:
    services = services_with()
    services.store = FaultyBucket(services.bucket, [Fault(operation, error, times=2)])
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.status == "succeeded"
    assert states(services) == ["verified"]
    assert leftovers(services) == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (CutBeforeHash(), "snapshot_hash_missing"),
        (EndsAfter(9000), "snapshot_truncated"),
        (EndsAfter(0), "snapshot_empty"),
        (FlippedBit(5000), "snapshot_hash_mismatch"),
        (FlippedBit(-1), "snapshot_hash_mismatch"),
        (FailsAfter(9000, TransientError("etcd_stream_stalled", "nothing came")), "etcd_stream_stalled"),
        (FailsBefore(PermanentError("etcd_untrusted", "foreign certificate")), "etcd_untrusted"),
    ],
)
def test_a_broken_stream_leaves_no_object_and_no_parts(fault: SnapshotFault, code: str) -> None:
    services = services_with()
    services.member.fault = fault
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.error
    assert (outcome.status, outcome.phase, outcome.error.code) == ("failed", "Snapshot", code)
    assert look_at_objects(services.bucket, CLUSTER) == []
    assert leftovers(services) == []


def kill_at(phase: str) -> Callable[[str], None]:
    def kill(name: str) -> None:
        if name == phase:
            raise Killed

    return kill


@pytest.mark.parametrize("phase", PHASES[1:])
def test_a_run_that_dies_blocks_the_next_until_the_lease_expires_and_then_leaves_no_trace(phase: str) -> None:
    services = services_with()
    with pytest.raises(Killed):
        BackupMachine(services, on_phase=kill_at(phase)).execute(CLUSTER, START)
    services.bucket.start_upload(f"{CLUSTER}/20261120T154300Z-r-000000/{SNAPSHOT}").part(1, b"half")
    refused = BackupMachine(services).execute(CLUSTER, START + timedelta(minutes=5))
    assert refused.status == "refused"
    assert refused.error
    assert refused.error.code == "lease_held"
    services.clock.advance(LEASE + timedelta(seconds=1))
    later = BackupMachine(services).execute(CLUSTER, START + timedelta(hours=3))
    assert later.status == "succeeded"
    assert leftovers(services) == []
    assert states(services)[0] == "verified"


def test_a_refused_run_leaves_the_running_one_alone() -> None:
    services = services_with()
    refusals = []

    def second_run(phase: str) -> None:
        if phase == "Seal":
            refusals.append(BackupMachine(services).execute(CLUSTER, START + timedelta(minutes=1)))

    outcome = BackupMachine(services, on_phase=second_run).execute(CLUSTER, START)
    assert [refusal.status for refusal in refusals] == ["refused"]
    assert outcome.status == "succeeded"
    assert states(services) == ["verified"]


def test_damage_in_the_bucket_is_found_recorded_and_never_counted() -> None:
    services = services_with()

    def damage(phase: str) -> None:
        if phase == "Verify":
            key = next(key for key in services.bucket.objects if key.endswith(SNAPSHOT))
            body = bytearray(services.bucket.read(key))
            body[len(body) // 2] ^= 1
            services.bucket.objects[key] = _replaced(services, key, bytes(body))

    outcome = BackupMachine(services, on_phase=damage).execute(CLUSTER, START)
    assert outcome.status == "failed"
    assert outcome.error
    assert outcome.error.family == "damaged"
    assert states(services) == ["damaged"]
    assert services.notifier.outcomes == [outcome]


def _replaced(services: MemoryServices, key: str, body: bytes) -> StoredObject:
    """The store still reports the old checksum, as a disk that rots does."""
    return replace(services.bucket.objects[key], body=body)


def test_only_as_many_verified_backups_stay_as_the_rule_says() -> None:
    services = services_with(cluster_spec(retention={"keep_last": 2, "keep_at_least": 1}))
    outcomes = [BackupMachine(services).execute(CLUSTER, START + timedelta(hours=hour)) for hour in range(4)]
    kept = [entry.backup_id for entry in list_backups(services.bucket, CLUSTER)]
    assert kept == [outcomes[3].backup_id, outcomes[2].backup_id]
    first = outcomes[0].backup_id
    assert first
    assert not [key for key in services.bucket.objects if first in key and "/runs/" not in key]


def test_a_failed_backup_removes_no_older_one() -> None:
    services = services_with(cluster_spec(retention={"keep_last": 1, "keep_at_least": 1}))
    first = BackupMachine(services).execute(CLUSTER, START)
    services.member.fault = CutBeforeHash()
    BackupMachine(services).execute(CLUSTER, START + timedelta(hours=1))
    assert [entry.backup_id for entry in list_backups(services.bucket, CLUSTER)] == [first.backup_id]


def test_without_quorum_the_backup_works_and_says_so() -> None:
    services = services_with()
    services.member.known = etcd_facts(status(1, leader=0))
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.status == "succeeded"
    assert any("quorum" in warning for warning in outcome.warnings)


def test_a_bucket_that_is_gone_does_not_stop_the_operator_from_being_told() -> None:
    services = services_with()
    operations: tuple[Operation, ...] = ("put", "put_if_absent", "list", "read", "abort_uploads", "remove")
    services.store = FaultyBucket(services.bucket, [Fault(each, bucket_missing, times=99) for each in operations])
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.status == "failed"
    assert services.notifier.outcomes == [outcome]
    assert services.leases.holder(CLUSTER) is None
    assert any("report.json was not stored" in warning for warning in outcome.warnings)


def test_a_cluster_that_nobody_registered_is_named() -> None:
    services = MemoryServices()
    outcome = BackupMachine(services).execute("ghost", START)
    assert outcome.error
    assert outcome.error.code == "cluster_unknown"
    assert services.notifier.outcomes == [outcome]


def test_what_nobody_classified_is_permanent_and_told() -> None:
    services = services_with()

    def bug(phase: str) -> None:
        if phase == "Seal":
            raise KeyError("a bug")

    outcome = BackupMachine(services, on_phase=bug).execute(CLUSTER, START)
    assert outcome.error
    assert outcome.error.code == "unclassified"
    assert leftovers(services) == []
