"""What a run of a restore keeps in the bucket, and the right to go on with it."""

from datetime import timedelta

from holdfast.engine.services import Services
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.approval import Approval
from holdfast.models.restore import ChangeRun, RestorePlan
from holdfast.models.run import Progress, RunRecord
from holdfast.planning.naming import run_key

PLAN, RUNBOOK, APPROVAL, EMERGENCY, REPORT = "plan.json", "runbook.md", "approval.json", "emergency.json", "report.json"
# Every look takes it anew, and looks are at most a minute and a function's time apart. It is given back while a person
# is asked, so that backups go on meanwhile.
LEASE = timedelta(minutes=20)


def load_plan(services: Services, run: ChangeRun) -> RestorePlan:
    return RestorePlan.model_validate_json(services.reader.read(run_key(run.cluster_id, run.run_id, PLAN)))


def find_plan(services: Services, run: ChangeRun) -> RestorePlan | None:
    try:
        return load_plan(services, run)
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        return None


def find_approval(services: Services, run: ChangeRun) -> Approval | None:
    try:
        body = services.reader.read(run_key(run.cluster_id, run.run_id, APPROVAL))
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        return None
    return Approval.model_validate_json(body)


def refuse_lost(services: Services, run: ChangeRun) -> None:
    """How every look begins, and every script of one: the run has not ended, and no other execution goes on with it.

    RefusedError `lease_lost` for a look that outlived its execution, as a phase may whose parent was stopped: what was
    told and given back stays so, and nobody works beside the execution that goes on with the run or takes it back.
    """
    record = services.runs.get(run.cluster_id, run.run_id)
    if record.outcome is not None:
        raise RefusedError(
            "lease_lost",
            f"the run {run.run_id} has ended ({record.status}); nothing more is done for it",
            hint=f"holdfast restore resume {run.run_id} goes on with it.",
        )
    if record.execution != run.execution:
        raise RefusedError(
            "lease_lost",
            f"{record.execution} goes on with the run {run.run_id}; {run.execution} does nothing more for it",
            hint=f"holdfast restore status {run.run_id}",
        )


def enter(services: Services, run: ChangeRun, progress: Progress) -> None:
    """After `refuse_lost`: where the run is, and the cluster's lease. LeaseHeldError while another run is at work."""
    services.runs.progress(run.cluster_id, run.run_id, progress)
    now = services.clock()
    services.leases.acquire(run.cluster_id, run.run_id, now=now, expires_at=now + LEASE)


def record_of(run: ChangeRun) -> RunRecord:
    return RunRecord(
        run_id=run.run_id,
        job=run.job,
        execution=run.execution,
        cluster_id=run.cluster_id,
        backup_id=run.backup_id,
        status="running",
        started_at=run.started_at,
    )


def run_of(record: RunRecord) -> ChangeRun:
    """PermanentError `not_a_change` for a backup's run."""
    if record.job == "backup":
        raise PermanentError("not_a_change", f"{record.run_id} is a backup", hint="holdfast run show shows backups.")
    told = record.model_dump(include={"run_id", "cluster_id", "job", "backup_id", "started_at"})
    return ChangeRun.model_validate(told | {"execution": record.execution or record.run_id})
