"""What was done, step by step and node by node: one small object per fact, put once: the first one stays.

    <cluster>/runs/<run>/steps/<step>.<node>.<attempt>.<do|undo>.<started|again|done|failed>.json

A LIST tells how far a run is; the objects themselves hold what scripts said. A function that dies after a command ran
and before it could note so leaves "started": the step's own directory on the node then tells the rest.

What the nodes of a step said counts until it was held against each other in vain: then the nodes are asked again, each
under an attempt past those that did not agree.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from holdfast.engine.services import Services
from holdfast.errors import RefusedError
from holdfast.models.restore import ChangeRun, RestoreStep, StepRecord
from holdfast.planning.naming import run_key

Status = Literal["started", "again", "done", "failed"]
# The node of a record that says that the nodes of a step were found to agree.
EVERYBODY = "-"


@dataclass(frozen=True, order=True)
class Mark:
    """A record as its name alone tells it."""

    step: str
    node: str
    attempt: int
    undo: bool
    status: Status

    @property
    def name(self) -> str:
        return f"{self.step}.{self.node}.{self.attempt}.{'undo' if self.undo else 'do'}.{self.status}.json"


class Journal:
    """The records of one run, as they were when it was opened and with what was noted through it since."""

    def __init__(self, services: Services, run: ChangeRun) -> None:
        self._services, self._run = services, run
        prefix = run_key(run.cluster_id, run.run_id, "steps/")
        found = (_mark(info.key.removeprefix(prefix)) for info in services.reader.list(prefix))
        self._marks = {mark for mark in found if mark}
        self._next: dict[tuple[str, str, int], dict[str, str]] = {}

    @property
    def marks(self) -> frozenset[Mark]:
        return frozenset(self._marks)

    def note(self, record: StepRecord) -> None:
        mark = Mark(record.step, record.node, record.attempt, record.undo, record.status)
        if mark in self._marks:
            return
        try:
            self._services.writer.put_if_absent(self._key(mark), record.model_dump_json(indent=2).encode())
        except RefusedError as error:
            if error.code != "object_exists":  # another look has noted the same fact meanwhile, with its own time
                raise
        self._marks.add(mark)

    def attempt(self, step: str, node: str) -> int:
        """The attempt that counts: the last one, or the next after one that failed, that another round follows, or that
        no agreement came of."""
        last = max((mark.attempt for mark in self._of(step, node)), default=1)
        if last <= (void := self._void(step)):
            return void + 1
        over = any(
            mark.attempt == last and not mark.undo and mark.status in ("failed", "again")
            for mark in self._of(step, node)
        )
        return last + 1 if over else last

    def last_round(self, step: str, node: str) -> int:
        """The attempt of the last round that another one follows; 0 before the first one has ended."""
        void = self._void(step)
        rounds = (mark.attempt for mark in self._of(step, node) if mark.status == "again" and mark.attempt > void)
        return max(rounds, default=0)

    def next_values(self, step: str, node: str) -> dict[str, str]:
        """The variables that the last round decided for the next one."""
        last = self.last_round(step, node)
        if not last:
            return {}
        if (step, node, last) not in self._next:
            self._next[step, node, last] = self._read(Mark(step, node, last, undo=False, status="again")).next
        return self._next[step, node, last]

    def is_done(self, step: RestoreStep, node: str) -> bool:
        return any(mark.node == node for mark in self._done(step.name))

    def is_agreed(self, step: RestoreStep) -> bool:
        return not step.agree or self._has(step.name, EVERYBODY, undo=False, status="done")

    def was_started(self, step: RestoreStep, node: str) -> bool:
        return any(not mark.undo for mark in self._of(step.name, node))

    def last_attempt(self, step: RestoreStep, node: str) -> int:
        """Of carrying it out, not of taking it back."""
        return max((mark.attempt for mark in self._of(step.name, node) if not mark.undo), default=1)

    def is_undone(self, step: RestoreStep, node: str) -> bool:
        return self._has(step.name, node, undo=True, status="done")

    def undo_attempt(self, step: str, node: str) -> int:
        undone = [mark for mark in self._of(step, node) if mark.undo]
        last = max((mark.attempt for mark in undone), default=1)
        failed = any(mark.attempt == last and mark.status == "failed" for mark in undone)
        return last + 1 if failed else last

    @property
    def goes_back(self) -> bool:
        """Whether anything was taken back already."""
        return any(mark.undo for mark in self._marks)

    def reports(self, step: RestoreStep) -> dict[str, dict[str, object]]:
        """What the step's script said on each node where it is done, at the last attempt."""
        last = {mark.node: mark for mark in self._done(step.name)}
        return {node: self._read(mark).report for node, mark in last.items()}

    def held_at(self, step: RestoreStep) -> int:
        """The attempt of holding against each other what the nodes said: the newest of theirs."""
        return max((mark.attempt for mark in self._done(step.name)), default=1)

    def _done(self, step: str) -> list[Mark]:
        """Of the nodes, as far as it counts; the last attempt last."""
        void = self._void(step)
        mine = (mark for mark in self._marks if mark.step == step and not mark.undo and mark.status == "done")
        return sorted(mark for mark in mine if mark.node != EVERYBODY and mark.attempt > void)

    def _void(self, step: str) -> int:
        """Up to this attempt, what the nodes said did not agree. 0 when it did, or was not held against each other."""
        if self._has(step, EVERYBODY, undo=False, status="done"):
            return 0
        return max((mark.attempt for mark in self._of(step, EVERYBODY)), default=0)

    def still_down(self) -> tuple[str, ...]:
        """What does not run although its stop was taken back, in words: no failure, but to be told."""
        undone = sorted(mark for mark in self._marks if mark.undo and mark.status == "done")
        down = [(mark.node, name) for mark in undone for name in self._read(mark).report.get("down", ())]
        return tuple(f"{name} on {node} is back and does not run; it may have been down before" for node, name in down)

    def records(self) -> tuple[StepRecord, ...]:
        """All of them, in the order of time."""
        return tuple(sorted((self._read(mark) for mark in self._marks), key=lambda record: (record.at, record.step)))

    def records_of(self, steps: Collection[str]) -> tuple[StepRecord, ...]:
        """Of rounds of these steps that have ended, in the order of time."""
        ended = (mark for mark in self._marks if mark.step in steps and mark.status in ("again", "done"))
        return tuple(sorted((self._read(mark) for mark in ended if mark.node != EVERYBODY), key=lambda each: each.at))

    def _of(self, step: str, node: str) -> list[Mark]:
        return [mark for mark in self._marks if mark.step == step and mark.node == node]

    def _has(self, step: str, node: str, *, undo: bool, status: Status) -> bool:
        return any(mark.undo == undo and mark.status == status for mark in self._of(step, node))

    def _key(self, mark: Mark) -> str:
        return run_key(self._run.cluster_id, self._run.run_id, f"steps/{mark.name}")

    def _read(self, mark: Mark) -> StepRecord:
        return StepRecord.model_validate_json(self._services.reader.read(self._key(mark)))


def refuse_taken_back(journal: Journal, run_id: str) -> None:
    """RefusedError `run_taken_back`: steps that were taken back are marked as done all the same, so nothing goes on."""
    if journal.goes_back:
        raise RefusedError(
            "run_taken_back",
            f"what the run {run_id} did was taken back, or was about to be",
            hint=f"holdfast restore abort {run_id} completes that; then start another run.",
        )


def _mark(name: str) -> Mark | None:
    """A node's name may have dots, the other words have none. None for what is no record."""
    step, _, rest = name.partition(".")
    words = rest.rsplit(".", 4)
    if len(words) != 5 or words[4] != "json" or words[2] not in ("do", "undo") or not words[1].isdecimal():
        return None
    status = next((each for each in get_args(Status) if each == words[3]), None)
    return Mark(step, words[0], int(words[1]), words[2] == "undo", status) if status else None
