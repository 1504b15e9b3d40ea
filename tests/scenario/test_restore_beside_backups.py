"""A restore gives the cluster's lease back while a person is asked: backups may be at work when it goes on."""

from datetime import timedelta

import pytest

from builders.changes import restore_plan
from builders.doubled_restores import restorable
from builders.phases import STEPS, PhaseScene, phase_scene
from builders.runs import run_record
from builders.services import START, MemoryServices
from holdfast.engine.restore.approving import ask
from holdfast.engine.restore.phase import advance
from holdfast.engine.restore.started import start
from holdfast.engine.restore.stored import find_approval, load_plan
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.approval import Approval
from holdfast.models.restore import ChangeRequest, ChangeRun, PhaseWork, RestoreStep
from holdfast.planning.naming import run_key

NAME = "nodes-restore"
SOON = timedelta(minutes=5)


def asked() -> tuple[MemoryServices, ChangeRun]:
    services, _, backup = restorable()
    (spec,) = services.clusters.list()
    request = ChangeRequest(cluster=spec.id, backup=backup, allow=("cluster_healthy",))
    state = start(services, request, NAME, START, None)
    while state.look:
        state = start(services, request, NAME, START, state.look)
    ask(services, state.run, "a-token")
    return services, state.run


def test_a_backup_may_begin_while_a_person_is_asked() -> None:
    services, run = asked()
    now = services.clock()
    services.leases.acquire(run.cluster_id, "a-backup", now=now, expires_at=now + SOON)


def test_an_approved_restore_waits_for_the_backup_that_is_at_work_and_starts_nothing() -> None:
    services, run = asked()
    now = services.clock()
    services.leases.acquire(run.cluster_id, "a-backup", now=now, expires_at=now + SOON)
    digest = load_plan(services, run).digest
    approval = Approval(cluster=run.cluster_id, digest=digest, approved_by="a test", approved_at=now)
    work = PhaseWork(run=run, phase="Shutdown", approval=approval)
    steps = run_key(run.cluster_id, run.run_id, "steps/")

    waiting = advance(services, work)
    assert waiting.pending is not None
    assert advance(services, waiting).pending is not None
    assert list(services.bucket.list(steps)) == []
    record = services.runs.get(run.cluster_id, run.run_id)
    assert (record.question, record.progress.phase) == (None, "Shutdown")  # nobody is asked any more, an abort stops it
    assert find_approval(services, run) == approval

    services.leases.release(run.cluster_id, "a-backup")
    with pytest.raises(PermanentError, match="stop-api"):  # it began; the doubles of nodes know no such script
        advance(services, waiting)
    assert list(services.bucket.list(steps))


def beside(holder: str, job: str, steps: tuple[RestoreStep, ...] = STEPS) -> PhaseScene:
    """An approved run, while another one has the lease."""
    scene = phase_scene(restore_plan(steps=steps))
    services, now = scene.services, scene.services.clock()
    services.leases.acquire("prod-1", holder, now=now, expires_at=now + SOON)
    services.runs.open(run_record(holder, job=job))
    return scene


@pytest.mark.parametrize("job", ["restore", "replace-member"])
def test_an_approved_restore_does_not_wait_for_another_change(job: str) -> None:
    """After it the cluster may be well, and the restore would take it down again."""
    scene = beside("another-change", job)
    with pytest.raises(RefusedError, match="lease_held") as caught:
        scene.look("Shutdown")
    assert "another-change" in caught.value.message
    assert scene.nodes.ran == []


def test_a_phase_without_steps_waits_for_a_backup_too() -> None:
    """Hosts that have nothing yet have nothing to stop."""
    scene = beside("a-backup", "backup", STEPS[2:])
    waiting = scene.look("Shutdown")
    assert waiting.pending is not None
    scene.services.leases.release("prod-1", "a-backup")
    assert scene.look("Shutdown", waiting).pending is None
