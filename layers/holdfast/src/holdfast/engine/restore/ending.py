"""How a restore ends: what was done is stored and told, the lease given back. Failed decides whether it goes back.

An execution may outlive its run: it is stopped, another one goes on with the run, and somebody redrives the first. Its
end is its own then: the record, the lease and the nodes are the other's.
"""

from pydantic import ValidationError

from holdfast.engine.leaving import leave_nodes
from holdfast.engine.restore.afterwards import start_backup_after
from holdfast.engine.restore.again import is_approved, planned
from holdfast.engine.restore.emergency import forget_urls
from holdfast.engine.restore.guard import guard_left_off
from holdfast.engine.restore.journal import Journal, refuse_taken_back
from holdfast.engine.restore.ownership import (
    at_work,
    find_record,
    is_over,
    other_execution,
    refuse_overtaken,
    take_over,
)
from holdfast.engine.restore.phase import past_no_return, under_way
from holdfast.engine.restore.stored import REPORT, find_approval, name_of, plan_if_sound, run_of
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, PermanentError
from holdfast.executions.base import ExecutionView
from holdfast.models.restore import (
    CHANGE_PHASES,
    ChangeEnded,
    ChangeFailed,
    ChangeReport,
    ChangeRequest,
    ChangeRun,
    ChangeState,
    Decided,
    EndedState,
    ExecutionContext,
    Failure,
    RestorePlan,
    RestoreStep,
)
from holdfast.models.restore_reports import REPORTS
from holdfast.models.run import UNKNOWN_CLUSTER, CaughtError, Outcome, Progress, StatusChangeEvent
from holdfast.planning.csr_rounds import refused_words
from holdfast.planning.naming import run_key
from holdfast.planning.restore_end import advice, at_step, caught_error, failed_phase


def decide(services: Services, event: ChangeFailed) -> Failure:
    """The state Failed: what still runs on the nodes is stopped, then either all is taken back or all is kept. Neither
    where the run has ended, or another execution goes on with it."""
    run = event.run or find_run(services, event.execution)
    phase = failed_phase(event.error)
    if phase in ("", "Phase"):  # the function of all phases is one
        phase = _reached(services, run)
    goes_back = False
    if run is not None and not is_over(services, run):
        leave_nodes(services, run.cluster_id, run.run_id)
        plan, journal = plan_if_sound(services, run), Journal(services, run)
        goes_back = plan is not None and bool(journal.marks) and not past_no_return(plan, journal)
    error = caught_error(event.error, phase)
    return Failure(error=error, phase=phase, goes_back=goes_back, redrives=event.execution.redrives)


def end(services: Services, event: ChangeEnded) -> Outcome | ChangeState:
    """The state Ended: tell it. An execution that was redriven since goes on instead, as after Started.

    RefusedError where a redrive may not go on: another execution did, what was done was taken back, or there is no plan
    yet."""
    run = event.state.run or find_run(services, event.execution)
    if run and event.execution.redrives > event.state.decided.redrives:
        return _redriven(services, run, event.execution)
    return _conclude(services, run, event.execution, event.state)


def _redriven(services: Services, run: ChangeRun, execution: ExecutionContext) -> ChangeState:
    """RefusedError as for another execution of the run (again.py). One that was started to take the run back does that
    and nothing else, however far it came."""
    record = services.runs.get(run.cluster_id, run.run_id)
    if name_of(record) != run.execution:
        raise at_work(record)
    plan = planned(services, run)
    abort = ChangeRequest.model_validate(execution.input).abort is not None
    if not abort:
        refuse_taken_back(Journal(services, run), run.run_id)
    take_over(services, record, run)
    return ChangeState(run=run, approved=is_approved(services, run, plan), abort=abort)


def finish(services: Services, run: ChangeRun) -> Outcome:
    """The state Report: every step is done and every check agreed. RefusedError `lease_lost` when another execution
    goes on with the run."""
    refuse_overtaken(services, run)
    services.runs.progress(run.cluster_id, run.run_id, Progress(phase="Finished"))
    plan = plan_if_sound(services, run)
    warned = tuple(finding.text for finding in plan.findings if finding.level == "warn") if plan else ()
    fresh, not_started = start_backup_after(services, run, plan)
    outcome = Outcome(
        run_id=run.run_id,
        job=run.job,
        cluster_id=run.cluster_id,
        backup_id=run.backup_id,
        status="succeeded",
        phase="Finished",
        started_at=run.started_at,
        finished_at=services.clock(),
        warnings=(*warned, *not_started, *_refused(services, run, plan), *_noticed(services, run, plan)),
        followed_by=fresh,
    )
    return _close(services, run, outcome)


def _refused(services: Services, run: ChangeRun, plan: RestorePlan | None) -> tuple[str, ...]:
    """Certificate requests that a run left alone, in words: somebody has to look at them."""
    rounds = {step.name for step in plan.steps if step.rounds} if plan else set()
    return refused_words(Journal(services, run).records_of(rounds)) if rounds else ()


def _noticed(services: Services, run: ChangeRun, plan: RestorePlan | None) -> tuple[str, ...]:
    """What steps that went well have to warn of."""
    telling = {step.name for step in plan.steps if _warns(step)} if plan else set()
    records = Journal(services, run).records_of(telling) if telling else ()
    return tuple(str(text) for record in records for text in record.report.get("warnings", ()))


def _warns(step: RestoreStep) -> bool:
    return bool(step.script) and "warnings" in REPORTS[step.script].model_fields


def stop(services: Services, event: StatusChangeEvent) -> Outcome | None:
    """An execution that was stopped, that timed out, or that failed where no Catch sees it. Nothing is taken back: no
    state runs any more that could. What was told already is not told twice, and an event that comes late leaves a run
    alone with which another execution goes on: None."""
    failure = event.as_failure()
    execution = ExecutionContext.model_validate(
        {"Name": event.detail.name, "StartTime": event.detail.started_at, "Input": failure.input}
    )
    run = find_run(services, execution)
    known = (run.cluster_id, run.run_id) if run else (_cluster(execution), execution.name)
    record = find_record(services, *known)
    if record and (record.outcome or record.execution != execution.name):
        return record.outcome
    return _stopped(services, run, execution, failure.error)


def stop_untold(services: Services, run: ChangeRun, view: ExecutionView | None) -> Outcome:
    """The same by whoever wants to go on with a run whose execution is over, when nobody told its end: the event was
    lost, or its function failed. `view` is None for an execution that Step Functions has forgotten."""
    status = view.status if view and view.status in ("FAILED", "TIMED_OUT") else "ABORTED"
    detail = {"name": run.execution, "status": status, "startDate": run.started_at}
    said = {"error": view.error, "cause": view.cause} if view else {}
    failure = StatusChangeEvent.model_validate({"detail": detail | said}).as_failure()
    execution = ExecutionContext.model_validate({"Name": run.execution, "StartTime": run.started_at})
    return _stopped(services, run, execution, failure.error)


def _stopped(services: Services, run: ChangeRun | None, execution: ExecutionContext, error: CaughtError) -> Outcome:
    decided = decide(services, ChangeFailed(execution=execution, run=run, error=error))
    kept = decided.model_copy(update={"goes_back": False})
    return _conclude(services, run, execution, EndedState(run=run, decided=Decided(told=kept)))


def find_run(services: Services, execution: ExecutionContext) -> ChangeRun | None:
    """The run that an execution is at work for; None where Started refused it, or where another execution is."""
    try:
        request = ChangeRequest.model_validate(execution.input)
        record = services.runs.get(request.cluster, request.resume or request.abort or execution.name)
        return run_of(record) if record.execution == execution.name else None
    except ValidationError:
        return None
    except PermanentError as error:
        if error.code not in ("run_unknown", "not_a_change"):
            raise
        return None


def _cluster(execution: ExecutionContext) -> str:
    try:
        return ChangeRequest.model_validate(execution.input).cluster
    except ValidationError:
        return UNKNOWN_CLUSTER


def _overtaken(services: Services, run: ChangeRun, state: EndedState) -> Outcome:
    """Told under the execution's own name. Where that is the run's, it is the other execution's to tell."""
    failure = state.decided.told
    outcome = Outcome(
        run_id=run.execution,
        job=run.job,
        cluster_id=run.cluster_id,
        backup_id=run.backup_id,
        status="refused" if failure.error.family == "refused" else "failed",
        phase=failure.phase or "Started",
        started_at=run.started_at,
        finished_at=services.clock(),
        error=failure.error,
    )
    if run.execution != run.run_id:
        services.runs.close(outcome)
        services.notifier.publish(outcome)
    return outcome


def _conclude(services: Services, run: ChangeRun | None, execution: ExecutionContext, state: EndedState) -> Outcome:
    if run and other_execution(services, run):
        return _overtaken(services, run, state)
    failure = state.decided.told
    rollback = caught_error(state.rollback) if state.rollback else None
    plan = plan_if_sound(services, run) if run else None
    journal = Journal(services, run) if run else None
    begun = bool(journal and journal.marks)
    reached = under_way(plan, journal) if plan and journal and failure.phase in CHANGE_PHASES else ""
    error = advice(
        at_step(failure.error, reached),
        run.job if run else "restore",
        run.run_id if run else execution.name,
        begun=begun,
        past=bool(plan and journal and past_no_return(plan, journal)),
        taken_back=failure.goes_back and rollback is None,
        half=bool(journal and journal.goes_back),
    )
    left = f"what was done could not all be taken back: {rollback.code}: {rollback.message}" if rollback else ""
    outcome = Outcome(
        run_id=run.run_id if run else execution.name,
        job=run.job if run else "restore",
        cluster_id=run.cluster_id if run else _cluster(execution),
        backup_id=run.backup_id if run else None,
        status="refused" if error.family == "refused" and not begun else "failed",
        phase=failure.phase or "Started",
        started_at=run.started_at if run else execution.started_at,
        finished_at=services.clock(),
        error=error,
        warnings=(
            *((left,) if left else ()),
            *(journal.still_down() if journal else ()),
            *(guard_left_off(plan, journal) if plan and journal else ()),
            *_forgotten(services, run),
        ),
    )
    return _close(services, run, outcome)


def _forgotten(services: Services, run: ChangeRun | None) -> tuple[str, ...]:
    """An emergency backup that was under way left URLs. What could not be emptied, in words."""
    try:
        if run:
            forget_urls(services, run)
    except HoldfastError as error:
        return (f"the presigned URLs of an emergency backup are still stored: {error}",)
    return ()


def _close(services: Services, run: ChangeRun | None, outcome: Outcome) -> Outcome:
    """Store, release, tell, in this order: whoever is told finds the lease free."""
    if run is not None:
        outcome = _store(services, run, outcome)
    services.runs.close(outcome)
    services.leases.release(outcome.cluster_id, outcome.run_id)
    services.notifier.publish(outcome)
    return outcome


def _store(services: Services, run: ChangeRun, outcome: Outcome) -> Outcome:
    """The journal has the same, piece by piece: a bucket that fails does not keep the end from being told."""
    key = run_key(run.cluster_id, run.run_id, REPORT)
    try:
        steps, approval = Journal(services, run).records(), find_approval(services, run)
        report = ChangeReport(outcome=outcome, approval=approval, steps=steps)
        services.writer.put(key, report.model_dump_json(indent=2).encode())
    except HoldfastError as error:
        return outcome.model_copy(update={"warnings": (*outcome.warnings, f"{key} was not stored: {error}")})
    return outcome


def _reached(services: Services, run: ChangeRun | None) -> str:
    try:
        return services.runs.get(run.cluster_id, run.run_id).progress.phase if run else "Started"
    except HoldfastError:
        return "Started"
