"""Runs that come too late: redriven after their clean-up, or under the name of a backup that is there already."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from builders.machine import BackupMachine, Killed
from builders.services import START, MemoryServices, services_with
from holdfast.engine import backup
from holdfast.engine.catalog import list_backups
from holdfast.engine.outcome import fail
from holdfast.engine.retention import retain
from holdfast.engine.verification import verify
from holdfast.errors import RefusedError
from holdfast.models.run import StatusChangeEvent
from holdfast.planning.naming import scheduled_run_id

CLUSTER = "prod-1"
NAME = scheduled_run_id(CLUSTER, START)
LATER = START + timedelta(hours=1)


def stopped_in(phase: str, services: MemoryServices) -> BackupMachine:
    """A run that somebody aborted when `phase` began, and that was cleaned up after."""

    def stop(name: str) -> None:
        if name == phase:
            raise Killed

    machine = BackupMachine(services, on_phase=stop)
    with pytest.raises(Killed):
        machine.execute(CLUSTER, START)
    detail = {"name": NAME, "status": "ABORTED", "startDate": START, "input": json.dumps({"cluster": CLUSTER})}
    fail(services, StatusChangeEvent.model_validate({"detail": detail}).as_failure())
    return machine


def redrive(phase: str, services: MemoryServices, machine: BackupMachine, work_dir: Path) -> None:
    assert machine.state
    if phase == "Snapshot":
        backup.take_snapshot(services, machine.state)
    elif phase == "Seal":
        backup.seal(services, machine.state)
    elif phase == "Verify":
        verify(services, machine.state.run, work_dir)
    else:
        retain(services, machine.state.run)


@pytest.mark.parametrize("phase", ["Snapshot", "Seal", "Verify", "Retain"])
def test_a_run_that_was_cleaned_up_goes_on_with_nothing_when_it_is_redriven(phase: str, tmp_path: Path) -> None:
    services = services_with()
    machine = stopped_in(phase, services)
    before = dict(services.bucket.objects)
    with pytest.raises(RefusedError, match="lease_lost"):
        redrive(phase, services, machine, tmp_path)
    assert services.bucket.objects == before
    assert services.leases.holder(CLUSTER) is None


def test_a_redriven_retain_does_not_take_the_snapshot_of_the_run_at_work() -> None:
    services = services_with()
    redriven = stopped_in("Retain", services)

    def redrive_now(phase: str) -> None:
        if phase == "Seal":
            with pytest.raises(RefusedError, match="lease_lost"):
                redrive("Retain", services, redriven, Path())

    outcome = BackupMachine(services, on_phase=redrive_now).execute(CLUSTER, LATER)
    assert outcome.status == "succeeded"
    assert [entry.state for entry in list_backups(services.bucket, CLUSTER)] == ["verified", "verified"]


def test_an_execution_of_an_old_name_does_not_write_over_the_backup() -> None:
    services = services_with()
    BackupMachine(services).execute(CLUSTER, START)
    before = {key: body for key, body in services.bucket.objects.items() if "/runs/" not in key}
    services.member.snapshot_file = b""
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert outcome.error
    assert (outcome.status, outcome.error.code) == ("refused", "backup_exists")
    assert {key: body for key, body in services.bucket.objects.items() if "/runs/" not in key} == before
