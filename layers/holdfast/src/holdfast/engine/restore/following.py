"""Following a restore to its end: its record says the phase, the names of its step records how far each node is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdfast.engine.restore.journal import Journal, Mark
from holdfast.engine.restore.stored import find_plan, run_of
from holdfast.engine.services import Services
from holdfast.engine.watching import if_known, until_ended
from holdfast.executions.base import ExecutionView
from holdfast.models.approval import Question
from holdfast.models.restore import RestorePlan
from holdfast.models.run import RunRecord

# Each poll is a read of the table, a LIST in the bucket and a question to Step Functions; steps take seconds.
POLL_S = 1.0


@dataclass(frozen=True)
class ChangeSeen:
    """A restore, or a replacement, at one moment. Each part is missing until something has made it."""

    record: RunRecord | None
    execution: ExecutionView | None
    plan: RestorePlan | None = None
    marks: frozenset[Mark] = frozenset()

    @property
    def phase(self) -> str:
        if self.record is None:
            return ""
        return self.record.outcome.phase if self.record.outcome else self.record.progress.phase

    @property
    def question(self) -> Question | None:
        return self.record.question if self.record and not self.record.outcome else None

    @property
    def known(self) -> bool:
        return self.record is not None or self.execution is not None

    @property
    def at_work(self) -> bool:
        return self.execution is not None and self.execution.status == "RUNNING"

    @property
    def ended(self) -> bool:
        return self.record is not None and self.record.outcome is not None and not self.at_work


def follow_change(
    services: Services,
    cluster_id: str,
    run_id: str,
    *,
    execution: str = "",
    sleep: Callable[[float], None],
    just_started: bool = False,
) -> Iterator[ChangeSeen]:
    """As engine/watching.py: follow. `execution` is the one that goes on with the run, "" for the one of its record."""
    seen: ChangeSeen | None = None

    def look() -> ChangeSeen:
        nonlocal seen
        seen = _observe(services, cluster_id, run_id, execution, seen.plan if seen else None)
        return seen

    return until_ended(look, cluster_id, run_id, sleep=sleep, just_started=just_started, poll_s=POLL_S)


def _observe(services: Services, cluster_id: str, run_id: str, execution: str, plan: RestorePlan | None) -> ChangeSeen:
    record = if_known(lambda: services.runs.get(cluster_id, run_id))
    name = execution or (record.execution if record else "") or run_id
    view = if_known(lambda: services.changes.view(name))
    if record is None or record.job == "backup":
        return ChangeSeen(record, view)
    run = run_of(record)
    plan = plan or find_plan(services, run)
    marks = Journal(services, run).marks
    if execution and record.execution != execution:
        record = _not_yet(services, record, execution, view)
    return ChangeSeen(record, view, plan, marks)


def _not_yet(services: Services, record: RunRecord, execution: str, view: ExecutionView | None) -> RunRecord:
    """The run's record still tells of an earlier execution. When this one is over already it was refused, and its
    outcome is stored under its own name."""
    if view is not None and view.status != "RUNNING":
        refused = if_known(lambda: services.runs.get(record.cluster_id, execution))
        if refused is not None:
            return refused
    return record.model_copy(update={"outcome": None, "status": "running"})
