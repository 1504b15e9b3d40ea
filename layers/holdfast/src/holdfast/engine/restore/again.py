"""Another execution of a run that has ended: it goes on with it, or takes back what it did."""

from holdfast.engine.restore.journal import Journal, refuse_taken_back
from holdfast.engine.restore.ownership import at_work, take_over
from holdfast.engine.restore.phase import past_no_return
from holdfast.engine.restore.stored import LEASE, find_approval, find_plan, name_of, run_of
from holdfast.engine.services import Services
from holdfast.errors import RefusedError
from holdfast.models.restore import ChangeRequest, ChangeRun, ChangeState, RestorePlan
from holdfast.models.run import RunRecord


def again(services: Services, request: ChangeRequest, execution: str) -> ChangeState:
    """RefusedError `nothing_to_resume`, `run_at_work`, `run_taken_back`, `past_no_return`."""
    name = request.resume or request.abort or ""
    record = services.runs.get(request.cluster, name)
    run = run_of(record)
    plan = planned(services, run)
    if record.status == "succeeded":
        raise _succeeded(name)
    if record.outcome is None and name_of(record) != execution:
        raise at_work(record)
    if request.resume:
        refuse_taken_back(Journal(services, run), name)
    if request.abort:
        refuse_past_no_return(services, record)
    now = services.clock()
    services.leases.acquire(run.cluster_id, run.run_id, now=now, expires_at=now + LEASE)
    run = run.model_copy(update={"execution": execution})
    take_over(services, record, run)
    approved = is_approved(services, run, plan)
    if not approved and not request.abort:
        services.leases.release(run.cluster_id, run.run_id)
    return ChangeState(run=run, approved=approved, abort=request.abort is not None)


def planned(services: Services, run: ChangeRun) -> RestorePlan:
    """RefusedError `nothing_to_resume` for a run without a plan: it was refused, or never came so far."""
    plan = find_plan(services, run)
    if plan is None:
        raise RefusedError(
            "nothing_to_resume",
            f"{run.run_id} is no run with a plan: it never came so far",
            hint="Start another run.",
        )
    return plan


def refuse_past_no_return(services: Services, record: RunRecord) -> None:
    """RefusedError `past_no_return`, and `nothing_to_resume` for a run that has succeeded. A run without a plan has
    done nothing, and so is not past it."""
    if record.status == "succeeded":
        raise _succeeded(record.run_id)
    run = run_of(record)
    plan = find_plan(services, run)
    if plan and past_no_return(plan, Journal(services, run)):
        raise RefusedError(
            "past_no_return",
            f"the run {record.run_id} is past its point of no return: the old data are aside",
            hint=f"holdfast restore resume {record.run_id} goes on; the run's runbook says how to go back by hand.",
        )


def is_approved(services: Services, run: ChangeRun, plan: RestorePlan) -> bool:
    """Whether a person has answered for this very plan."""
    approval = find_approval(services, run)
    return approval is not None and approval.digest == plan.digest


def _succeeded(name: str) -> RefusedError:
    return RefusedError("nothing_to_resume", f"the run {name} has succeeded", hint="There is nothing left to do.")
