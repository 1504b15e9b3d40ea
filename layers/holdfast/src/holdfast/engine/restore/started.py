"""The state Started: everything is looked at and decided, nothing is touched but for the emergency backup."""

from collections.abc import Callable
from datetime import datetime

from holdfast.engine.restore import emergency
from holdfast.engine.restore.journal import Journal, refuse_taken_back
from holdfast.engine.restore.looking import chosen_backup, look_at_cluster, transport_of
from holdfast.engine.restore.phase import past_no_return
from holdfast.engine.restore.stored import LEASE, PLAN, RUNBOOK, find_approval, find_plan, load_plan, record_of, run_of
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EndpointFailure
from holdfast.models.plan import BackupPlan, Finding
from holdfast.models.restore import ChangeRequest, ChangeRun, ChangeState, RestorePlan, StartedLook
from holdfast.models.run import BackupState, Progress
from holdfast.planning.backup_plan import refuse_on
from holdfast.planning.naming import run_key, token_of_run
from holdfast.planning.replace_plan import plan_replacement, replacement_findings
from holdfast.planning.restore_findings import emergency_findings, ordered, restore_findings
from holdfast.planning.restore_plan import plan_restore
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen
from holdfast.planning.runbook import runbook


def start(
    services: Services, request: ChangeRequest, execution: str, started_at: datetime, look: StartedLook | None
) -> ChangeState:
    """One look. RefusedError with the code of the first guardrail that says no; nothing was touched then."""
    if request.resume or request.abort:
        return _again(services, request, execution)
    spec = services.clusters.get(request.cluster)
    run = _run(request, execution, started_at)
    now = services.clock()
    services.leases.acquire(spec.id, run.run_id, now=now, expires_at=now + LEASE)
    services.runs.open(record_of(run))
    services.runs.progress(spec.id, run.run_id, Progress(phase="Started"))
    transport_of(spec)
    if look is not None and look.emergency is not None:
        return _emergency(services, spec, run, look, look.emergency)
    backup = chosen_backup(services, spec.id, request.backup) if request.backup else None
    seen = look_at_cluster(services, spec, run.run_id, look, backup)
    if isinstance(seen, StartedLook):
        return ChangeState(run=run, look=seen)
    saved = emergency.emergency_plan(services, spec, seen, run)
    findings = findings_of(spec, seen, backup, request, saved, now)
    refuse_on(findings)
    plan = plan_of(spec, seen, backup, request, run, saved, findings, now)
    _store(services, run, plan)
    if not isinstance(saved, BackupPlan):
        return _ready(services, run)
    begun = emergency.begin(services, run, saved)
    return _emergency(services, spec, run, StartedLook(wait_s=1, since=now), begun)


def findings_of(
    spec: ClusterSpec,
    seen: RestoreSeen,
    backup: ChosenBackup | None,
    request: ChangeRequest,
    saved: BackupPlan | EndpointFailure | None,
    now: datetime,
) -> tuple[Finding, ...]:
    """What speaks against the request, refusals first; the same for the dry run."""
    made = saved.backup_id if isinstance(saved, BackupPlan) else None
    failure = saved if isinstance(saved, EndpointFailure) else None
    found = (
        replacement_findings(spec, seen, request.replace or "", request, now)
        if backup is None
        else restore_findings(spec, seen, backup, request, now)
    )
    return ordered((), (*found, *emergency_findings(seen, made, failure, request.allow)))


def plan_of(
    spec: ClusterSpec,
    seen: RestoreSeen,
    backup: ChosenBackup | None,
    request: ChangeRequest,
    run: ChangeRun,
    saved: BackupPlan | EndpointFailure | None,
    findings: tuple[Finding, ...],
    now: datetime,
) -> RestorePlan:
    saved_as = saved.backup_id if isinstance(saved, BackupPlan) else None
    if backup is None:
        return plan_replacement(
            spec,
            seen,
            request.replace or "",
            request,
            run_id=run.run_id,
            emergency=saved_as,
            findings=findings,
            now=now,
        )
    return plan_restore(
        spec,
        seen,
        backup,
        request,
        run_id=run.run_id,
        token=token_of_run(run.run_id),
        emergency=saved_as,
        findings=findings,
        now=now,
    )


def preview(
    services: Services,
    spec: ClusterSpec,
    request: ChangeRequest,
    run_id: str,
    *,
    wait: Callable[[StartedLook], None],
) -> RestorePlan:
    """The dry run: looks until everybody has answered or given up, takes no lease, makes no backup, stores nothing.

    The refusals are in the plan's findings. A request that nothing can be planned for raises as `start` does.
    """
    transport_of(spec)
    now = services.clock()
    backup = chosen_backup(services, spec.id, request.backup) if request.backup else None
    seen: StartedLook | RestoreSeen = look_at_cluster(services, spec, run_id, None, backup)
    while isinstance(seen, StartedLook):
        wait(seen)
        seen = look_at_cluster(services, spec, run_id, seen, backup)
    run = _run(request, run_id, now)
    saved = emergency.emergency_plan(services, spec, seen, run)
    findings = findings_of(spec, seen, backup, request, saved, now)
    return plan_of(spec, seen, backup, request, run, saved, findings, now)


def _run(request: ChangeRequest, execution: str, started_at: datetime) -> ChangeRun:
    job = "replace-member" if request.replace else "restore"
    return ChangeRun.model_validate(
        {
            "run_id": execution,
            "execution": execution,
            "cluster_id": request.cluster,
            "job": job,
            "backup_id": request.backup,
            "started_at": started_at,
        }
    )


def _store(services: Services, run: ChangeRun, plan: RestorePlan) -> None:
    services.writer.put(run_key(run.cluster_id, run.run_id, PLAN), plan.model_dump_json(indent=2).encode())
    text = runbook(plan).encode()
    services.writer.put(run_key(run.cluster_id, run.run_id, RUNBOOK), text, content_type="text/markdown")


def _emergency(
    services: Services, spec: ClusterSpec, run: ChangeRun, look: StartedLook, begun: BackupState
) -> ChangeState:
    try:
        state = emergency.take(services, spec, run, begun)
    except PermanentError as error:
        if "no_emergency_snapshot" not in load_plan(services, run).allowed:
            raise _without_emergency(error) from error
        return _ready(services, run)
    if state.pending is not None:
        waiting = look.model_copy(update={"emergency": state, "wait_s": state.pending.wait_s})
        return ChangeState(run=run, look=waiting)
    return _ready(services, run)


def _without_emergency(error: HoldfastError) -> RefusedError:
    return RefusedError(
        "no_emergency_snapshot",
        f"a member answers, and no backup could be made of it: {error.code}: {error.message}",
        hint="Mend that, or allow no_emergency_snapshot: the data directories are kept on the nodes in any case.",
    )


def _ready(services: Services, run: ChangeRun) -> ChangeState:
    """Backups may go on while a person is asked."""
    services.leases.release(run.cluster_id, run.run_id)
    return ChangeState(run=run)


def _again(services: Services, request: ChangeRequest, execution: str) -> ChangeState:
    """Another execution of a run that has ended: it goes on, or takes back what it did."""
    name = request.resume or request.abort or ""
    record = services.runs.get(request.cluster, name)
    run = run_of(record)
    plan = find_plan(services, run) if record.job != "backup" else None
    if plan is None:
        raise RefusedError(
            "nothing_to_resume", f"{name} is no run with a plan: it never came so far", hint="Start another run."
        )
    if record.status == "succeeded":
        raise RefusedError("nothing_to_resume", f"the run {name} has succeeded", hint="There is nothing left to do.")
    if record.outcome is None and record.execution != execution:
        raise RefusedError(
            "run_at_work", f"the run {name} is at work: {record.execution}", hint=f"holdfast restore status {name}"
        )
    journal = Journal(services, run)
    if request.resume:
        refuse_taken_back(journal, name)
    if request.abort and past_no_return(plan, journal):
        raise RefusedError(
            "past_no_return",
            f"the run {name} is past its point of no return: the old data are aside",
            hint=f"holdfast restore resume {name} goes on; the runbook of the run says how to go back by hand.",
        )
    now = services.clock()
    services.leases.acquire(run.cluster_id, run.run_id, now=now, expires_at=now + LEASE)
    run = run.model_copy(update={"execution": execution})
    services.runs.reopen(record_of(run).model_copy(update={"progress": record.progress}))
    approval = find_approval(services, run)
    approved = approval is not None and approval.digest == plan.digest
    if not approved and not request.abort:
        services.leases.release(run.cluster_id, run.run_id)
    return ChangeState(run=run, approved=approved, abort=request.abort is not None)
