"""Nothing is changed before a person said so: the question, the answer, and its check against the plan."""

from datetime import timedelta

from holdfast.engine.restore.ownership import refuse_lost
from holdfast.engine.restore.stored import APPROVAL, find_approval, load_plan, put_bound, run_of
from holdfast.engine.services import Services
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.approval import Approval, Question
from holdfast.models.restore import ChangeRun, RestorePlan
from holdfast.models.run import Outcome, Progress, RunRecord
from holdfast.planning.four_eyes import refuse_own_request

# As long as the state machine waits (TimeoutSeconds of Approval; a test compares the two).
ASKED_FOR = timedelta(hours=24)


def ask(services: Services, run: ChangeRun, token: str) -> Question:
    """Note the question with its token, and tell the operators that it waits. A retry asks with the same words.

    RefusedError `lease_lost` for an execution that was stopped here and redriven: the run has ended since, or another
    execution goes on with it, and an answer to this one would be nobody's."""
    refuse_lost(services, run)
    now = services.clock()
    question = Question(token=token, digest=load_plan(services, run).digest, asked_at=now, expires_at=now + ASKED_FOR)
    services.runs.progress(run.cluster_id, run.run_id, Progress(phase="Approval"))
    services.runs.ask(run.cluster_id, run.run_id, question)
    services.notifier.publish(
        Outcome(
            run_id=run.run_id,
            job=run.job,
            cluster_id=run.cluster_id,
            backup_id=run.backup_id,
            status="running",
            phase="Approval",
            started_at=run.started_at,
            finished_at=now,
            warnings=(
                f"it waits until {question.expires_at:%Y-%m-%d %H:%M} UTC for: holdfast restore approve {run.run_id}",
            ),
        )
    )
    return question


def approve(services: Services, cluster_id: str, run_id: str, *, approved_by: str, typed: str, digest: str) -> Approval:
    """Let the run go on; `digest` is that of the plan that the person was shown.

    RefusedError `approval_mismatch` when another cluster's id was typed, `plan_changed` when the plan that was shown
    or is stored is not the one that was asked about, and with four eyes `approval_own_request` and
    `approval_requester_unknown`; PermanentError `nothing_to_approve`, `question_closed`.
    """
    record = services.runs.get(cluster_id, run_id)
    question = _question(record)
    if typed != cluster_id:
        raise RefusedError(
            "approval_mismatch",
            f"the run would change {cluster_id}, and {typed[:60]!r} was typed",
            hint="Type the id of the cluster that is to be changed.",
        )
    plan = load_plan(services, run_of(record))
    if {digest, plan.digest} != {question.digest}:
        raise RefusedError(
            "plan_changed",
            f"the stored plan of {run_id} is not the one that was asked about",
            hint="Somebody changed it: abort the run, look at who wrote to the bucket, and start another one.",
        )
    if services.four_eyes:
        refuse_own_request(plan.requested_by, approved_by)
    approval = Approval(cluster=cluster_id, digest=digest, approved_by=approved_by, approved_at=services.clock())
    services.changes.answer(question.token, approval.model_dump_json())
    return approval


def decline(services: Services, cluster_id: str, run_id: str, *, declined_by: str) -> None:
    """End a run that waits for an approval: nothing was changed. The errors of `approve`."""
    question = _question(services.runs.get(cluster_id, run_id))
    services.changes.decline(question.token, "Holdfast.Declined", f"{declined_by} declined it")


def accept(services: Services, run: ChangeRun, plan: RestorePlan, approval: Approval | None) -> None:
    """The answer that the state machine brought, or that an earlier call stored, must be for this very plan.

    One that is takes the place of a stored one that is not: a newer Holdfast may make another digest of the same plan,
    and asks anew. With four eyes it must be another person's, whatever program sent it."""
    stored = find_approval(services, run)
    known = [each for each in (stored, approval) if each]
    if not known:
        raise PermanentError(
            "approval_missing", f"nobody approved the plan of {run.run_id}", hint="Start the run by its state machine."
        )
    fitting = [each for each in known if (each.digest, each.cluster) == (plan.digest, run.cluster_id)]
    if not fitting:
        raise RefusedError(
            "approval_of_other_plan",
            f"{known[-1].approved_by} approved another plan than the one that is stored for {run.run_id}",
            hint="Start another run; its plan is asked about anew.",
        )
    if services.four_eyes:
        refuse_own_request(plan.requested_by, fitting[0].approved_by)
    if fitting[0] != stored:
        put_bound(services, run, APPROVAL, fitting[0].model_dump_json(indent=2).encode())
        services.runs.ask(run.cluster_id, run.run_id, None)


def _question(record: RunRecord) -> Question:
    if record.question is None:
        raise PermanentError(
            "nothing_to_approve",
            f"the run {record.run_id} waits for no approval: it is {record.status}, in {record.progress.phase}",
            hint=f"holdfast restore status {record.run_id}",
        )
    return record.question
