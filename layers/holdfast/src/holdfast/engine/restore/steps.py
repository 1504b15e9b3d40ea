"""One step of a plan over its nodes, moved on by one look: started where it is not, noted where it has ended."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, SecretStr

from holdfast import node
from holdfast.engine.node_snapshot import URL_LIFE_S
from holdfast.engine.node_steps import ATTEMPTS, first_step, look, report_of
from holdfast.engine.restore.journal import Journal, Status
from holdfast.engine.restore.ownership import refuse_lost
from holdfast.engine.services import Services
from holdfast.engine.urls import values_of
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.command import Command, CommandResult
from holdfast.models.node import NodeStep
from holdfast.models.restore import ChangePending, ChangeRun, RestorePlan, RestoreStep, StepRecord
from holdfast.models.restore_reports import REPORTS
from holdfast.models.run import ErrorInfo
from holdfast.planning.naming import step_key
from holdfast.planning.rounds import after_round
from holdfast.planning.waiting import next_wait
from holdfast.storage.base import UrlUse
from holdfast.transports.base import Transport
from holdfast.transports.steps import assignments


@dataclass(frozen=True)
class Failed:
    node: str
    error: HoldfastError


@dataclass
class StepWork:
    """`undo` takes the step back, with the same variables, under keys of its own. Nodes of `without` are not asked."""

    services: Services
    transport: Transport
    run: ChangeRun
    plan: RestorePlan
    journal: Journal
    step: RestoreStep
    undo: bool = False
    failed: list[Failed] = field(default_factory=list)
    without: frozenset[str] = frozenset()

    @property
    def script(self) -> str:
        return self.step.undo if self.undo else self.step.script

    def nodes_left(self) -> tuple[str, ...]:
        """Where it is not done; of a step that goes node by node only the next one."""
        if self.undo:
            nodes = [each.node for each in self.step.commands]
            left = [each for each in nodes if self.journal.was_started(self.step, each)]
            return tuple(each for each in left if not self.journal.is_undone(self.step, each))
        left = [each.node for each in self.step.commands if not self.journal.is_done(self.step, each.node)]
        return tuple(left[:1] if self.step.one_by_one else left)

    def move(self, pending: ChangePending | None) -> ChangePending | None:
        """`pending` is what the last look at this very step has left. None when no node is left, or only such as have
        failed (`failed`). Looks again at once as long as something comes to its end: most steps take less time than it
        takes to be called again."""
        while nodes := tuple(each for each in self.nodes_left() if each not in self._given_up()):
            now = self.services.clock()
            since = pending.since if pending else now
            steps = self._steps(nodes, pending, now)
            looked = look(self.transport, steps, self._command, now, clock=self.services.clock)
            again = [step for node_, result in looked.done.items() if (step := self._ended(_of(steps, node_), result))]
            again += [step for node_, error in looked.failed.items() if (step := self._lost(_of(steps, node_), error))]
            waiting = (*looked.waiting, *again)
            fresh = any(not _of(steps, each).handle and each in looked.running for each in nodes)
            # A round is looked at as often as a step that has just begun: the time of all rounds is no measure of it.
            since = now if again and self.step.rounds else since
            said = {each: running.said for each, running in looked.running.items() if running.said}
            pending = self._pending(waiting, since, now, said)
            if waiting and not looked.done and not fresh:
                return pending
        return None

    def _given_up(self) -> set[str]:
        return {each.node for each in self.failed} | self.without

    def _pending(
        self, steps: tuple[NodeStep, ...], since: datetime, now: datetime, said: dict[str, str]
    ) -> ChangePending:
        wait = next_wait((now - since).total_seconds(), speaks=bool(said))
        return ChangePending(step=self.step.name, wait_s=wait, since=since, steps=steps, said=said)

    def _steps(self, nodes: tuple[str, ...], pending: ChangePending | None, now: datetime) -> tuple[NodeStep, ...]:
        known = {each.node: each for each in pending.steps} if pending else {}
        return tuple(known.get(each) or self._first(each, now) for each in nodes)

    def _first(self, where: str, now: datetime) -> NodeStep:
        attempt = self._attempt(where)
        made = first_step(where, self.run.run_id, self._phase, self.step.name, now, attempt=attempt)
        made = made.model_copy(update={"replaces": self._before(where, attempt)})
        # One look may go through many steps, and the run may be taken over meanwhile.
        refuse_lost(self.services, self.run)
        # Before it begins: whoever finds this note must take it that the script may have run.
        self.journal.note(self._record(made, "started", now))
        if self.step.no_return:
            # Whoever took over before this did not find the note, and may be going back; after this, he finds it.
            refuse_lost(self.services, self.run)
        return made

    def _before(self, where: str, attempt: int) -> str | None:
        """The key of what this node was last told to do in this step."""
        if attempt > 1:
            return step_key(self.run.run_id, self._phase, self.step.name, attempt - 1)
        if not self.undo:
            return None
        return step_key(self.run.run_id, self.step.phase, self.step.name, self.journal.last_attempt(self.step, where))

    @property
    def _phase(self) -> str:
        return "rollback" if self.undo else self.step.phase

    def _attempt(self, where: str) -> int:
        journal, name = self.journal, self.step.name
        return journal.undo_attempt(name, where) if self.undo else journal.attempt(name, where)

    def _command(self, where: str) -> Command:
        secrets: dict[str, SecretStr] = {}
        values = self._values(where)
        if self.step.grant and not self.undo:
            secrets, use = self._grant(where)
            values = {**values, **values_of(use)}
        return Command(node.change(self.script), values, secrets, self.step.timeout_s)

    def _grant(self, where: str) -> tuple[dict[str, SecretStr], UrlUse]:
        if self.step.grant == "snapshot":
            grants, key, name = self.services.grants, self.plan.snapshot_key, "snapshot_url"
        else:
            grants, key, name = self.services.secrets_grants, self.plan.bundle_keys[where], "bundle_url"
        return {name: grants.read_url(key, expires_s=URL_LIFE_S)}, grants.url_use(key)

    def _values(self, where: str) -> dict[str, str]:
        values = next(each.values for each in self.step.commands if each.node == where)
        return values | self.journal.next_values(self.step.name, where) if self.step.rounds else values

    def _ended(self, step: NodeStep, result: CommandResult) -> NodeStep | None:
        """The next attempt where another one may help."""
        kind: type[BaseModel] = REPORTS[self.script]
        try:
            report = report_of(step.node, result, kind)
        except HoldfastError as error:
            return self._lost(step, error, exit_code=result.exit_code)
        now = self.services.clock()
        told, values = report.model_dump(mode="json"), None
        if self.step.rounds and not self.undo:
            try:
                decided = after_round(self.step.rounds, self._values(step.node), report)
            except HoldfastError as error:
                return self._lost(step, error, exit_code=result.exit_code)
            told, values = decided.told, decided.values
        changes = {"report": told, "exit_code": result.exit_code, "next": values or {}}
        status: Status = "done" if values is None else "again"
        self.journal.note(self._record(step, status, now).model_copy(update=changes))
        return None if values is None else self._first(step.node, now)

    def _lost(self, step: NodeStep, error: HoldfastError, *, exit_code: int | None = None) -> NodeStep | None:
        now = self.services.clock()
        changes = {"error": ErrorInfo.of(error), "exit_code": exit_code}
        self.journal.note(self._record(step, "failed", now).model_copy(update=changes))
        # A node that does not answer was waited for already; what its script said may be worth another try.
        tries = step.attempt - (self.journal.last_round(self.step.name, step.node) if self.step.rounds else 0)
        if isinstance(error, TransientError) and exit_code is not None and tries < ATTEMPTS:
            return self._first(step.node, now)
        self.failed.append(Failed(step.node, error))
        return None

    def _record(self, step: NodeStep, status: Status, now: datetime) -> StepRecord:
        return StepRecord(
            step=self.step.name,
            node=step.node,
            attempt=step.attempt,
            undo=self.undo,
            status=status,
            at=now,
            started_at=step.since,
            command=assignments(self._values(step.node)) + node.by_hand(self.script),
        )


def _of(steps: tuple[NodeStep, ...], where: str) -> NodeStep:
    return next(each for each in steps if each.node == where)


def told(step: RestoreStep, failed: list[Failed], doing: str) -> HoldfastError:
    """The first failure of a step as the error of its phase: which step, which nodes, and what to do."""
    first = failed[0]
    others = ", ".join(each.node for each in failed[1:])
    text = f"{doing} {step.name}: {first.error.message}" + (f"; it failed on {others} too" if others else "")
    family = type(first.error) if isinstance(first.error, PermanentError) else PermanentError
    return family(first.error.code, text, hint=first.error.hint)
