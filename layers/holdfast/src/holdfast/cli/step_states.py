"""How far each step of a plan is on each node, read off what was noted of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from holdfast.models.restore import RestorePlan, RestoreStep

State = Literal["open", "at work", "done", "failed", "going back", "taken back", "not taken back"]
MARKS: dict[State, tuple[str, str]] = {
    "open": ("·", "dim"),
    "at work": ("…", "cyan"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "going back": ("↩", "cyan"),
    "taken back": ("↩", "yellow"),
    "not taken back": ("✗", "bold red"),
}


class Noted(Protocol):
    """A record of a step, or its name alone."""

    @property
    def step(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def undo(self) -> bool: ...
    @property
    def status(self) -> str: ...


@dataclass(frozen=True)
class StepState:
    step: "RestoreStep"
    nodes: dict[str, State]

    def of(self, *states: State) -> tuple[str, ...]:
        return tuple(node for node, state in self.nodes.items() if state in states)

    @property
    def state(self) -> State:
        """Of all nodes together: what one of them waits for or met, and only then what they all have."""
        found = set(self.nodes.values())
        order: tuple[State, ...] = ("not taken back", "failed", "going back", "at work", "taken back")
        for each in order:
            if each in found:
                return each
        if found == {"done"}:
            return "done"
        return "at work" if "done" in found else "open"


def step_states(plan: "RestorePlan", noted: Iterable[Noted]) -> tuple[StepState, ...]:
    """Steps that no node runs have no states: they are the control path's own."""
    known = list(noted)
    return tuple(
        StepState(step, {each.node: _state(known, step.name, each.node) for each in step.commands})
        for step in plan.steps
        if step.commands
    )


def _state(noted: list[Noted], step: str, node: str) -> State:
    mine = [each for each in noted if each.step == step and each.node == node]
    backward = [each for each in mine if each.undo]
    if backward:
        return _told(backward, {"started": "going back", "done": "taken back", "failed": "not taken back"})
    return (
        _told(mine, {"started": "at work", "again": "at work", "done": "done", "failed": "failed"}) if mine else "open"
    )


def _told(noted: list[Noted], states: dict[str, State]) -> State:
    """As the last attempt says: what was done is done again where the nodes did not agree."""
    last = max(each.attempt for each in noted)
    said = {each.status for each in noted if each.attempt == last}
    return next(states[status] for status in ("done", "failed", "again", "started") if status in said)
