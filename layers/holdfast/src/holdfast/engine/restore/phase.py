"""The states Shutdown, Restore, RestartCluster, Finished and Rollback: one look at the steps of a phase.

Called again and again by phase.asl.json until `pending` is None. Everything that it needs to know is in the stored
plan and the journal, so that a retry, a resumed run and a redrive find what was done and go on after it.
"""

from contextlib import closing, suppress

from holdfast.engine.looking import node_transport
from holdfast.engine.restore.approving import accept
from holdfast.engine.restore.journal import EVERYBODY, Journal
from holdfast.engine.restore.ownership import refuse_lost
from holdfast.engine.restore.steps import Failed, StepWork, told
from holdfast.engine.restore.stored import enter, load_plan
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.models.restore import ChangePending, GivenUp, PhaseWork, RestorePlan, RestoreStep, StepRecord
from holdfast.models.run import ErrorInfo, Progress
from holdfast.planning.agreement import check
from holdfast.state.failures import LeaseHeldError
from holdfast.transports.base import Transport

# What an approved run waits for before its first step, and how long until it looks again.
FOR_A_BACKUP = "backup-at-work"
_FOR_A_BACKUP_S = 15


def advance(services: Services, work: PhaseWork) -> PhaseWork:
    """One look. PermanentError with a step's own code when it failed on a node, `approval_missing` and
    `approval_of_other_plan` when nobody may carry the plan out; RefusedError `past_no_return` for a way back that there
    is none of any more."""
    run, plan = work.run, load_plan(services, work.run)
    journal = Journal(services, run)
    steps = going_back(plan, journal) if work.phase == "Rollback" else plan.steps_of(work.phase)
    done = sum(1 for step in steps if _is_over(journal, step, undo=work.phase == "Rollback"))
    refuse_lost(services, run)
    if work.phase == "Rollback":
        _refuse_past_no_return(plan, journal)
    else:
        accept(services, run, plan, work.approval)
    progress = Progress(phase=work.phase, done=done, total=len(steps), unit="steps")
    try:
        enter(services, run, _telling(progress, work.pending))
    except LeaseHeldError as error:
        if journal.marks or not _is_a_backup(services, run.cluster_id, error.owner):
            raise
        return _after_the_backup(services, work)
    spec = services.clusters.get(run.cluster_id)
    through = node_transport(spec.transport)
    if through is None or spec.transport.kind != plan.transport:
        raise PermanentError(
            "cluster_changed",
            f"the transport of {spec.id} was changed while the run was at work: it was planned over {plan.transport}",
            hint=f"Apply the cluster with its former transport, then: holdfast restore resume {run.run_id}",
        )
    with closing(services.nodes(through)) as transport:
        phase = _Phase(services, transport, work, plan, journal)
        pending = phase.take_back(steps) if work.phase == "Rollback" else phase.carry_out(steps)
    if pending and pending.said and pending.said != (work.pending.said if work.pending else {}):
        with suppress(HoldfastError):  # a table that fails costs whoever watches a line, not the run its step
            services.runs.progress(run.cluster_id, run.run_id, _telling(progress, pending))
    return work.model_copy(update={"pending": pending, "given_up": phase.given_up})


def _telling(progress: Progress, pending: ChangePending | None) -> Progress:
    """With what the nodes have said of the step that is under way."""
    return progress.model_copy(update={"step": pending.step, "said": pending.said}) if pending else progress


def _is_a_backup(services: Services, cluster_id: str, run: str) -> bool:
    """A run whose record is not there yet is at its first call: the next look tells."""
    try:
        return services.runs.get(cluster_id, run).job == "backup"
    except PermanentError as error:
        if error.code != "run_unknown":
            raise
        return True


def _after_the_backup(services: Services, work: PhaseWork) -> PhaseWork:
    """The lease was free for backups while a person was asked: one that is at work ends in minutes. Another change is
    not waited for: what was approved may be wrong after it."""
    since = work.pending.since if work.pending else services.clock()
    waiting = ChangePending(step=FOR_A_BACKUP, wait_s=_FOR_A_BACKUP_S, since=since, steps=())
    return work.model_copy(update={"pending": waiting})


def _refuse_past_no_return(plan: RestorePlan, journal: Journal) -> None:
    """A step may have begun after it was decided to go back. When something was taken back already, it did not: who
    noted it was refused before its script began (steps.py)."""
    if past_no_return(plan, journal) and not journal.goes_back:
        raise RefusedError(
            "past_no_return",
            f"the run {plan.run_id} went past its point of no return meanwhile: the old data are aside",
            hint=f"holdfast restore resume {plan.run_id} goes on; the runbook of the run says how to go back by hand.",
        )


def going_back(plan: RestorePlan, journal: Journal) -> tuple[RestoreStep, ...]:
    """What has to be taken back, the last step first: whatever began and leaves something."""
    begun = (step for step in plan.steps if any(journal.was_started(step, each.node) for each in step.commands))
    return tuple(step for step in reversed(tuple(begun)) if step.undo)


def past_no_return(plan: RestorePlan, journal: Journal) -> bool:
    """Whether a step may have begun after which the old state is no longer in place."""
    marked = (step for step in plan.steps if step.no_return)
    return any(journal.was_started(step, each.node) for step in marked for each in step.commands)


def under_way(plan: RestorePlan, journal: Journal) -> str:
    """The step that began last and is not over; "" when there is none."""
    begun = (step for step in plan.steps if any(journal.was_started(step, each.node) for each in step.commands))
    return next((step.name for step in reversed(tuple(begun)) if not _is_over(journal, step, undo=False)), "")


def _is_over(journal: Journal, step: RestoreStep, *, undo: bool) -> bool:
    if undo:
        return all(journal.is_undone(step, each.node) for each in step.commands if journal.was_started(step, each.node))
    return all(journal.is_done(step, each.node) for each in step.commands) and journal.is_agreed(step)


class _Phase:
    def __init__(
        self, services: Services, transport: Transport, work: PhaseWork, plan: RestorePlan, journal: Journal
    ) -> None:
        self._services, self._transport, self._work = services, transport, work
        self._plan, self._journal = plan, journal
        self.given_up = work.given_up

    def carry_out(self, steps: tuple[RestoreStep, ...]) -> ChangePending | None:
        """In their order; the first that fails is the end of the phase."""
        for step in steps:
            if _is_over(self._journal, step, undo=False):
                continue
            doing = self._step(step)
            pending = doing.move(self._pending(step))
            if doing.failed:
                raise told(step, doing.failed, "the step")
            if pending:
                return pending
            self._agree(step)
        return None

    def take_back(self, steps: tuple[RestoreStep, ...]) -> ChangePending | None:
        """Each as far as it can be: what one node refuses is no reason to leave the others. Raises at the end."""
        for step in steps:
            doing = self._step(step, undo=True)
            doing.without = self._not_asked(step)
            pending = doing.move(self._pending(step))
            self.given_up += tuple(
                GivenUp(step=step.name, node=each.node, error=ErrorInfo.of(each.error)) for each in doing.failed
            )
            if pending:
                return pending
        if self.given_up:
            first = self.given_up[0]
            failed = [Failed(each.node, _again(each.error)) for each in self.given_up if each.step == first.step]
            raise told(self._plan.step(first.step), failed, "taking back the step")
        return None

    def _not_asked(self, step: RestoreStep) -> frozenset[str]:
        """Nodes that would not take this step back; one that does not answer is not waited for at every step."""
        away = (each.node for each in self.given_up if each.error.code == "node_unreachable")
        return frozenset((*away, *(each.node for each in self.given_up if each.step == step.name)))

    def _step(self, step: RestoreStep, *, undo: bool = False) -> StepWork:
        return StepWork(self._services, self._transport, self._work.run, self._plan, self._journal, step, undo=undo)

    def _pending(self, step: RestoreStep) -> ChangePending | None:
        pending = self._work.pending
        return pending if pending and pending.step == step.name else None

    def _agree(self, step: RestoreStep) -> None:
        """Hold what the nodes said against each other, and against the backup."""
        if self._journal.is_agreed(step):
            return
        now = self._services.clock()
        attempt = self._journal.held_at(step)
        record = StepRecord(step=step.name, node=EVERYBODY, attempt=attempt, status="done", at=now, started_at=now)
        try:
            for name in step.agree:
                check(name, step, self._journal.reports(step), self._plan)
        except HoldfastError as error:
            self._journal.note(record.model_copy(update={"status": "failed", "error": ErrorInfo.of(error)}))
            raise
        self._journal.note(record)


def _again(error: ErrorInfo) -> HoldfastError:
    return PermanentError(error.code, error.message, hint=error.hint)
