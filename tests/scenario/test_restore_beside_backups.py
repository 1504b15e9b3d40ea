"""A restore gives the cluster's lease back while a person is asked: backups may be at work when it goes on."""

from datetime import timedelta

import pytest

from builders.doubled_restores import restorable
from builders.services import START, MemoryServices
from holdfast.engine.restore.approving import ask
from holdfast.engine.restore.phase import advance
from holdfast.engine.restore.started import start
from holdfast.engine.restore.stored import load_plan
from holdfast.errors import PermanentError
from holdfast.models.approval import Approval
from holdfast.models.restore import ChangeRequest, ChangeRun, PhaseWork
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

    services.leases.release(run.cluster_id, "a-backup")
    with pytest.raises(PermanentError, match="stop-api"):  # it began; the doubles of nodes know no such script
        advance(services, waiting)
    assert list(services.bucket.list(steps))
