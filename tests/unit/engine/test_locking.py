"""Lock: what a verified backup consists of is kept from everybody until its end, and nothing else is."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from builders.backed_up import CLUSTER, only_backup
from builders.doubled_nodes import DoubledNodes, nodes_spec
from builders.doubled_runs import run as run_through_nodes
from builders.doubled_runs import through
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from builders.specs import cluster_spec
from holdfast.engine.catalog import list_backups
from holdfast.engine.locking import lock
from holdfast.engine.removal import remove_backup
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.run import BackupState, Outcome
from holdfast.planning.naming import SNAPSHOT, VERIFIED, backup_key
from holdfast.storage.base import LockState
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied, reset
from holdfast.storage.memory import MemoryBucket

LOCK = {"mode": "governance", "days": 30}
UNTIL = (START + timedelta(days=30)).replace(microsecond=0)


@pytest.fixture
def services() -> MemoryServices:
    services = services_with(cluster_spec(lock=LOCK))
    services.bucket = MemoryBucket(clock=services.clock)
    return services


def names(services: MemoryServices, lock: LockState) -> set[str]:
    """The files that are locked so, in both buckets."""
    both = {**services.bucket.locks, **services.secrets.locks}
    return {key.rpartition("/")[2] for key, there in both.items() if there == lock}


def backed_up(services: MemoryServices, hours: int = 0) -> Outcome:
    return BackupMachine(services).execute(CLUSTER, START + timedelta(hours=hours))


def test_every_object_of_a_verified_backup_is_locked_from_the_start_of_its_run_on(services: MemoryServices) -> None:
    assert backed_up(services).status == "succeeded"
    assert names(services, LockState("governance", UNTIL)) == {
        "manifest.json",
        "manifest.sig",
        "snapshot.db.zst",
        "verified.json",
    }
    with pytest.raises(RefusedError) as refused:
        remove_backup(services, CLUSTER, only_backup(services))
    assert refused.value.code == "object_locked"


def test_the_secrets_of_the_nodes_are_locked_with_it_and_those_of_no_other_backup() -> None:
    services = services_with(nodes_spec(lock=LOCK))
    through(DoubledNodes(services))
    services.secrets.put("prod-1/20200101T000000Z-r-000000/n1/bundle.tar", b"x")
    assert run_through_nodes(services).status == "succeeded"
    locked = {key for key, there in services.secrets.locks.items() if there.until == UNTIL}
    backup = only_backup(services)
    assert locked == {
        f"prod-1/{backup}/{node}/{name}" for node in ("n1", "n2", "n3") for name in ("bundle.tar", "certificates.pem")
    }


def test_a_spec_without_a_lock_locks_nothing() -> None:
    services = services_with()
    assert backed_up(services).status == "succeeded"
    assert services.bucket.locks == {}


def test_a_backup_that_was_found_damaged_stays_removable(services: MemoryServices) -> None:

    def rot(phase: str) -> None:
        if phase == "Verify":
            (key,) = [key for key in services.bucket.objects if key.endswith(SNAPSHOT)]
            stored = services.bucket.objects[key]
            services.bucket.objects[key] = replace(stored, body=stored.body[:-9] + b"\0" + stored.body[-8:])

    outcome = BackupMachine(services, on_phase=rot).execute(CLUSTER, START)
    assert (outcome.status, outcome.phase) == ("failed", "Verify")
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["damaged"]
    assert services.bucket.locks == {}


def test_a_backup_that_was_not_verified_is_not_locked(services: MemoryServices) -> None:
    machine = BackupMachine(services)
    machine.execute(CLUSTER, START)
    assert machine.state
    services.bucket.locks.clear()
    services.bucket.remove([backup_key(CLUSTER, only_backup(services), VERIFIED)])
    services.leases.acquire(CLUSTER, machine.state.run.run_id, now=START, expires_at=START + timedelta(days=9))
    with pytest.raises(PermanentError) as unverified:
        lock(services, machine.state)
    assert unverified.value.code == "backup_not_verified"
    assert services.bucket.locks == {}


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_lock_that_is_interrupted_is_finished_by_the_next_attempt(services: MemoryServices, call: int) -> None:
    services.store = FaultyBucket(services.bucket, [Fault("lock", reset, call=call)])
    assert backed_up(services).status == "succeeded"
    assert len(names(services, LockState("governance", UNTIL))) == 4


def test_every_phase_called_twice_locks_once_and_until_the_same_moment(services: MemoryServices) -> None:
    assert BackupMachine(services, repeat=True).execute(CLUSTER, START).status == "succeeded"
    assert {there.until for there in services.bucket.locks.values()} == {UNTIL}


@pytest.mark.parametrize("year", [2025, 2027])
def test_a_functions_clock_that_is_a_year_off_locks_nothing_for_longer(services: MemoryServices, year: int) -> None:
    """Ahead it may think that the lock is over already, which is said; it never adds a day."""

    def jump(phase: str) -> None:
        if phase == "Lock":
            services.clock.now = START.replace(year=year)

    def back(phase: str) -> None:
        jump(phase)
        if phase == "Retain":
            services.clock.now = START

    outcome = BackupMachine(services, on_phase=back).execute(CLUSTER, START)
    assert outcome.status == "succeeded"
    assert {there.until for there in services.bucket.locks.values()} == ({UNTIL} if year < 2026 else set())
    assert any("the backup is not locked: 30 days" in each for each in outcome.warnings) == (year > 2026)


def test_the_name_of_a_run_that_somebody_chose_makes_no_lock_longer() -> None:
    """A backup's id, and so its moment, may come from the name of the execution: the lock does not count from it."""
    services = services_with(cluster_spec(lock={"mode": "compliance", "days": 1}))
    machine = BackupMachine(services)
    machine.execute(CLUSTER, START)
    assert machine.state
    assert machine.state.run.started_at == START
    services.bucket.locks.clear()
    services.leases.acquire(CLUSTER, machine.state.run.run_id, now=START, expires_at=START + timedelta(days=9))
    backup = only_backup(services)
    far = "20991231T000000Z-m-000000"
    for key in [key for key in services.bucket.objects if f"/{backup}/" in key]:
        services.bucket.put(key.replace(backup, far), services.bucket.read(key))
    run = machine.state.run.model_copy(update={"backup_id": far})
    lock(services, machine.state.model_copy(update={"run": run}))
    assert {there.until for there in services.bucket.locks.values()} == {(START + timedelta(days=1))}


@pytest.mark.parametrize("bucket", ["bucket", "secrets"])
def test_a_store_without_object_lock_costs_a_warning_and_no_backup(bucket: str) -> None:
    services = services_with(nodes_spec(lock=LOCK))
    through(DoubledNodes(services))
    getattr(services, bucket).object_lock = False
    outcome = run_through_nodes(services)
    assert outcome.status == "succeeded"
    which = "snapshots" if bucket == "bucket" else "secrets"
    assert outcome.warnings == (f"the {which} bucket has no Object Lock, so the backup is not locked there",)
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["verified"]
    other = services.secrets if bucket == "bucket" else services.bucket
    assert other.locks


def test_a_right_to_lock_that_is_missing_fails_the_run_and_keeps_the_backup(services: MemoryServices) -> None:
    services.store = FaultyBucket(services.bucket, [Fault("lock", access_denied)])
    outcome = backed_up(services)
    assert outcome.error
    assert (outcome.status, outcome.phase, outcome.error.code) == ("failed", "Lock", "storage_access_denied")
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["verified"]


def test_what_somebody_locked_for_longer_stays_so_and_is_said(services: MemoryServices) -> None:
    longer: datetime = START + timedelta(days=90)

    def lock_longer(phase: str) -> None:
        if phase == "Lock":
            services.bucket.lock(backup_key(CLUSTER, only_backup(services), VERIFIED), "governance", longer)

    outcome = BackupMachine(services, on_phase=lock_longer).execute(CLUSTER, START)
    assert outcome.status == "succeeded"
    (warning,) = outcome.warnings
    assert "is locked in governance mode until 2027-02-18T15:43:00Z" in warning
    assert len(names(services, LockState("governance", UNTIL))) == 3


def test_the_lock_travels_with_the_run_and_not_with_the_spec(services: MemoryServices) -> None:
    """What was asked for when the run began holds, whatever is applied while it is at work."""

    def change(phase: str) -> None:
        if phase == "Seal":
            services.clusters.put(cluster_spec(lock={"mode": "compliance", "days": 3_000}), replace=True)

    assert BackupMachine(services, on_phase=change).execute(CLUSTER, START).status == "succeeded"
    assert {there.mode for there in services.bucket.locks.values()} == {"governance"}


def test_a_state_without_a_lock_is_handed_on_untouched(services: MemoryServices) -> None:
    machine = BackupMachine(services)
    machine.execute(CLUSTER, START)
    assert machine.state
    state: BackupState = machine.state.model_copy(update={"lock": None})
    assert lock(services, state) == state
