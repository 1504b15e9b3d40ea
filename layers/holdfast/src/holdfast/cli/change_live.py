"""A restore while it runs: phases, the steps of the one at work on each node, what is waited for, who is asked.

Moving on a terminal, one line per change elsewhere. On standard error.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from holdfast.cli.render import human_seconds
from holdfast.cli.step_states import MARKS, StepState, step_states
from holdfast.engine.restore.following import ChangeSeen
from holdfast.models.restore import CHANGE_PHASES

if TYPE_CHECKING:
    from holdfast.models.approval import Question
    from holdfast.models.run import Progress

PHASES: tuple[str, ...] = ("Started", "Approval", *CHANGE_PHASES)


def show_change(screen: Console, observations: Iterable[ChangeSeen], *, indent: int = 0) -> ChangeSeen:
    """Shows every observation; the last one is the answer."""
    last: ChangeSeen | None = None
    if screen.is_terminal:
        view = _ChangeTable()
        with Live(Padding(view, (0, 0, 0, indent), expand=False), console=screen, refresh_per_second=8):
            for last in observations:
                view.show(last)
    else:
        said: set[str] = set()
        for last in observations:
            for line in lines_of(last):
                if line not in said:
                    said.add(line)
                    screen.print(Text(f"{' ' * indent}{datetime.now(UTC):%H:%M:%S} {line}"), soft_wrap=True)
    if last is None:
        raise ValueError("a run is observed at least once")
    return last


def lines_of(seen: ChangeSeen) -> Iterator[str]:
    """Everything that is true now and worth a line; a line that was said is not said again."""
    if seen.phase:
        yield seen.phase
    if seen.question is not None and seen.record is not None:
        yield f"Approval: {asked(seen.record.run_id, seen.question)}"
    for each in states_of(seen):
        name = f"{each.step.phase} {each.step.name}"
        if any(state != "open" for state in each.nodes.values()):
            yield f"{name}: {each.step.title} ({', '.join(each.nodes)})"
        if each.state not in ("open", "at work", "going back"):
            failed = each.of("failed", "not taken back")
            yield f"{name}: {each.state}" + (f" on {', '.join(failed)}" if failed else "")
        if seen.record is not None:
            for node, words in said_of(each, seen.record.progress).items():
                yield f"{name}: {node} says: {words}"


def asked(run_id: str, question: "Question") -> str:
    return f"waits for a person until {question.expires_at:%Y-%m-%d %H:%M}Z: holdfast restore approve {run_id}"


def states_of(seen: ChangeSeen) -> tuple[StepState, ...]:
    return step_states(seen.plan, seen.marks) if seen.plan else ()


def waited_for(state: StepState) -> str:
    """Whom a step waits for, and for what; "" when nobody is at work on it."""
    back = state.of("going back")
    if back:
        return f"taking it back on {', '.join(back)}"
    at_work = state.of("at work")
    if not at_work:
        return ""
    return f"waits for {', '.join(at_work)}: {state.step.done_when}"


def said_of(state: StepState, progress: "Progress") -> dict[str, str]:
    """The last that each node has said of a step that is under way there."""
    if progress.step != state.step.name:
        return {}
    busy = state.of("at work", "going back")
    return {node: words for node, words in progress.said.items() if node in busy}


class _ChangeTable:
    """Drawn anew eight times a second, from the last observation."""

    def __init__(self) -> None:
        self._seen: ChangeSeen | None = None
        self._since: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._spinner = Spinner("dots", style="cyan")

    def show(self, seen: ChangeSeen) -> None:
        now = time.monotonic()
        before = self._seen.phase if self._seen else ""
        if seen.phase and seen.phase not in self._since:
            self._since[seen.phase] = now
        if before and before != seen.phase:
            self._took[before] = now - self._since[before]
        self._seen = seen

    def __rich__(self) -> RenderableType:
        rows = Table.grid(Column(width=1), Column(), Column(overflow="fold"), padding=(0, 1))
        seen = self._seen
        if seen is None or not seen.phase:
            rows.add_row(self._spinner, "waiting", "")
            return rows
        phases = (*PHASES, "Rollback") if self._goes_back(seen) else PHASES
        for phase in phases:
            rows.add_row(*self._phase(phase, phases, seen))
            for state in states_of(seen):
                if state.step.phase == phase and self._is_shown(phase, state, seen):
                    rows.add_row("", *self._step(state))
                    for node, words in said_of(state, seen.record.progress).items() if seen.record else ():
                        rows.add_row("", "", Text(f"{node}: {words}", style="dim"))
        return rows

    def _goes_back(self, seen: ChangeSeen) -> bool:
        return seen.phase == "Rollback" or any(mark.undo for mark in seen.marks)

    def _is_shown(self, phase: str, state: StepState, seen: ChangeSeen) -> bool:
        """The steps of the phase at work; of the others what went wrong or was taken back."""
        return phase == seen.phase or state.state not in ("open", "done")

    def _phase(
        self, phase: str, phases: tuple[str, ...], seen: ChangeSeen
    ) -> tuple[RenderableType, RenderableType, RenderableType]:
        outcome = seen.record.outcome if seen.record else None
        here = phase == seen.phase
        if here and outcome is None:
            return self._spinner, Text(phase, style="bold"), self._note(phase, seen)
        if here and outcome and outcome.status != "succeeded":
            return Text("✗", style="red"), Text(phase, style="red"), outcome.error.code if outcome.error else ""
        reached = phases.index(seen.phase) if seen.phase in phases else -1
        # Rollback begins wherever the run was: what lies between was never entered.
        entered = phases.index(phase) <= reached if seen.phase != "Rollback" else phase in self._since
        if not entered:
            return Text("·", style="dim"), Text(phase, style="dim"), ""
        took = human_seconds(self._took[phase]) if phase in self._took else ""
        return Text("✓", style="green"), phase, Text(took, style="dim")

    def _note(self, phase: str, seen: ChangeSeen) -> Text:
        if seen.question is not None and seen.record is not None:
            return Text(asked(seen.record.run_id, seen.question), style="bold yellow")
        return Text(human_seconds(max(1.0, time.monotonic() - self._since[phase])), style="dim")

    def _step(self, state: StepState) -> tuple[RenderableType, RenderableType]:
        mark, style = MARKS[state.state]
        nodes = Text()
        for node, each in state.nodes.items():
            nodes.append(f"{node} ")
            nodes.append(f"{MARKS[each][0]}  ", style=MARKS[each][1])
        nodes.append(waited_for(state), style="dim")
        return Text.assemble((f"{mark} ", style), state.step.name), nodes
