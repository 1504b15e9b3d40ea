"""What a run of a restore keeps in the bucket, and the right to go on with it."""

from datetime import timedelta

from holdfast.engine.reading import read_if_there
from holdfast.engine.services import Services
from holdfast.errors import PermanentError
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
    body = read_if_there(services.reader, run_key(run.cluster_id, run.run_id, PLAN))
    return RestorePlan.model_validate_json(body) if body is not None else None


def find_approval(services: Services, run: ChangeRun) -> Approval | None:
    body = read_if_there(services.reader, run_key(run.cluster_id, run.run_id, APPROVAL))
    return Approval.model_validate_json(body) if body is not None else None


def enter(services: Services, run: ChangeRun, progress: Progress) -> None:
    """After `refuse_lost` (ownership.py): where the run is, and the cluster's lease.

    LeaseHeldError while another run is at work."""
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
    return ChangeRun.model_validate(told | {"execution": name_of(record)})


def name_of(record: RunRecord) -> str:
    """The execution that is at work for a run."""
    return record.execution or record.run_id
