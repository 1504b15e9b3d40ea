"""What a run of a restore keeps in the bucket, and the right to go on with it.

A plan is what nodes carry out as root, so one that somebody wrote over in the bucket, with an approval that fits it,
must not count. What these objects are is noted outside of the bucket, in the run's record (`RunRecord.bound`).
"""

import hashlib
from datetime import timedelta

from holdfast.engine.reading import read_if_there
from holdfast.engine.services import Services
from holdfast.engine.watching import if_known
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.approval import Approval
from holdfast.models.restore import ChangeRun, RestorePlan
from holdfast.models.run import Progress, RunRecord
from holdfast.planning.naming import run_key

PLAN, RUNBOOK, APPROVAL, EMERGENCY, REPORT = "plan.json", "runbook.md", "approval.json", "emergency.json", "report.json"
# Every look takes it anew, and looks are at most a minute and a function's time apart. It is given back while a person
# is asked, so that backups go on meanwhile.
LEASE = timedelta(minutes=20)


def put_bound(services: Services, run: ChangeRun, name: str, body: bytes) -> None:
    """Noted first: what is put without a note would be nobody's."""
    services.runs.bind(run.cluster_id, run.run_id, name, hashlib.sha256(body).hexdigest())
    services.writer.put(run_key(run.cluster_id, run.run_id, name), body)


def load_bound(services: Services, run: ChangeRun, name: str) -> bytes:
    """RefusedError `plan_changed` for another object than `put_bound` has put; PermanentError `object_not_found`."""
    body = services.reader.read(run_key(run.cluster_id, run.run_id, name))
    if not _is_bound(services, run, name, body):
        raise RefusedError(
            "plan_changed",
            f"{run_key(run.cluster_id, run.run_id, name)} is not what Holdfast has put there",
            hint="Somebody wrote into the bucket: look who. The bucket keeps older versions of the object: with the "
            "right one put back the run can go on; otherwise start another run.",
        )
    return body


def _is_bound(services: Services, run: ChangeRun, name: str, body: bytes) -> bool:
    record = if_known(lambda: services.runs.get(run.cluster_id, run.run_id))
    return record is not None and record.bound.get(name) == hashlib.sha256(body).hexdigest()


def load_plan(services: Services, run: ChangeRun) -> RestorePlan:
    """The errors of `load_bound`."""
    return RestorePlan.model_validate_json(load_bound(services, run, PLAN))


def find_plan(services: Services, run: ChangeRun) -> RestorePlan | None:
    """None when there is none yet. RefusedError `plan_changed`."""
    try:
        return load_plan(services, run)
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        return None


def plan_if_sound(services: Services, run: ChangeRun) -> RestorePlan | None:
    """For whoever tells how a run ended: a plan that somebody changed is none, and is no reason to tell nothing."""
    try:
        return find_plan(services, run)
    except RefusedError as error:
        if error.code != "plan_changed":
            raise
        return None


def find_approval(services: Services, run: ChangeRun) -> Approval | None:
    """One that `put_bound` has put; what somebody else wrote there is nobody's answer."""
    body = read_if_there(services.reader, run_key(run.cluster_id, run.run_id, APPROVAL))
    if body is None or not _is_bound(services, run, APPROVAL, body):
        return None
    return Approval.model_validate_json(body)


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
