"""The state Started: everything is looked at and decided, nothing is touched but for the emergency backup."""

from collections.abc import Callable
from datetime import datetime

from holdfast.engine.restore import emergency
from holdfast.engine.restore.again import again
from holdfast.engine.restore.emergency import Emergency
from holdfast.engine.restore.looking import chosen_backup, look_at_cluster, newest_files, transport_of
from holdfast.engine.restore.ownership import refuse_lost
from holdfast.engine.restore.stored import LEASE, PLAN, RUNBOOK, put_bound, record_of
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EndpointFailure
from holdfast.models.plan import BackupPlan, Finding
from holdfast.models.restore import ChangeRequest, ChangeRun, ChangeState, RestorePlan, StartedLook
from holdfast.models.run import BackupState, Progress
from holdfast.planning.backup_plan import refuse_on
from holdfast.planning.naming import run_key
from holdfast.planning.planners import planner_of
from holdfast.planning.restore_findings import emergency_findings, not_saved, ordered
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen
from holdfast.planning.runbook import runbook


def start(
    services: Services, request: ChangeRequest, execution: str, started_at: datetime, look: StartedLook | None
) -> ChangeState:
    """One look. RefusedError with the code of the first guardrail that says no; nothing was touched then. The run has a
    plan from the moment on when everything is decided, the emergency backup too."""
    if request.resume or request.abort:
        return again(services, request, execution)
    spec = services.clusters.get(request.cluster)
    run = _run(request, execution, started_at)
    now = services.clock()
    services.leases.acquire(spec.id, run.run_id, now=now, expires_at=now + LEASE)
    services.runs.open(record_of(run))
    refuse_lost(services, run)
    services.runs.progress(spec.id, run.run_id, Progress(phase="Started"))
    transport_of(spec)
    if look is not None and look.emergency is not None:
        return _emergency(services, spec, run, look, look.emergency)
    backup = _backup(services, request)
    seen = look_at_cluster(services, spec, run.run_id, look, backup, as_it_is=request.backup is None)
    if isinstance(seen, StartedLook):
        return ChangeState(run=run, look=seen)
    saved = None if request.csrs else emergency.emergency_plan(services, spec, seen, run)
    findings = findings_of(spec, seen, backup, request, saved, now)
    refuse_on(findings)
    plan = plan_of(spec, seen, backup, request, run, saved, findings, now)
    if not isinstance(saved, BackupPlan):
        return _ready(services, run, plan)
    begun = emergency.begin(services, run, Emergency(backup=saved, plan=plan))
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
    found = planner_of(spec.driver).findings(spec, seen, backup, request, now)
    # Certificates change nothing of etcd: there is nothing to save first.
    saving = () if request.csrs else emergency_findings(seen, made, failure, request.allow)
    return ordered((), (*found, *saving))


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
    plan = planner_of(spec.driver).plan(
        spec,
        seen,
        backup,
        request,
        run_id=run.run_id,
        emergency=saved.backup_id if isinstance(saved, BackupPlan) else None,
        findings=findings,
        now=now,
    )
    return plan.model_copy(update={"requested_by": request.requested_by})


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
    backup, as_it_is = _backup(services, request), request.backup is None
    seen: StartedLook | RestoreSeen = look_at_cluster(services, spec, run_id, None, backup, as_it_is=as_it_is)
    while isinstance(seen, StartedLook):
        wait(seen)
        seen = look_at_cluster(services, spec, run_id, seen, backup, as_it_is=as_it_is)
    run = _run(request, run_id, now)
    saved = None if request.csrs else emergency.emergency_plan(services, spec, seen, run)
    findings = findings_of(spec, seen, backup, request, saved, now)
    return plan_of(spec, seen, backup, request, run, saved, findings, now)


def _backup(services: Services, request: ChangeRequest) -> ChosenBackup | None:
    """The one that is restored; in a replacement the one that has the node's files, for the case that they are gone."""
    if request.backup:
        return chosen_backup(services, request.cluster, request.backup)
    return newest_files(services, request.cluster, request.replace) if request.replace else None


def _run(request: ChangeRequest, execution: str, started_at: datetime) -> ChangeRun:
    return ChangeRun.model_validate(
        {
            "run_id": execution,
            "execution": execution,
            "cluster_id": request.cluster,
            "job": request.job,
            "backup_id": request.backup,
            "started_at": started_at,
        }
    )


def _store(services: Services, run: ChangeRun, plan: RestorePlan) -> None:
    put_bound(services, run, PLAN, plan.model_dump_json(indent=2).encode())
    text = runbook(plan, services.buckets(run.cluster_id)).encode()
    services.writer.put(run_key(run.cluster_id, run.run_id, RUNBOOK), text, content_type="text/markdown")


def _emergency(
    services: Services, spec: ClusterSpec, run: ChangeRun, look: StartedLook, begun: BackupState
) -> ChangeState:
    made = emergency.load(services, run)
    try:
        state = emergency.take(services, spec, run, made.backup, begun)
    except HoldfastError as error:
        if not emergency.is_final(error):
            raise
        emergency.give_up(services, run, made.backup)
        return _ready(services, run, _without_emergency(made.plan, error))
    if state.pending is not None:
        waiting = look.model_copy(update={"emergency": state, "wait_s": state.pending.wait_s})
        return ChangeState(run=run, look=waiting)
    return _ready(services, run, made.plan)


def _without_emergency(plan: RestorePlan, error: HoldfastError) -> RestorePlan:
    """RefusedError `no_emergency_snapshot` unless that was allowed; the plan says so then."""
    findings = ordered(plan.allowed, (*plan.findings, not_saved(EndpointFailure.of("", error))))
    refuse_on(findings)
    return plan.model_copy(update={"emergency": None, "findings": findings})


def _ready(services: Services, run: ChangeRun, plan: RestorePlan) -> ChangeState:
    """Backups may go on while a person is asked."""
    _store(services, run, plan)
    services.leases.release(run.cluster_id, run.run_id)
    return ChangeState(run=run)
