"""How far a step is on a node, from what was noted."""

import pytest

from builders.changes import NODES, restore_plan
from holdfast.cli.step_states import State, step_states
from holdfast.engine.restore.journal import Mark


def marks(*words: str) -> list[Mark]:
    """ "n1 1 do done" is a record of the step fetch."""
    found = []
    for each in words:
        node, attempt, direction, status = each.split()
        found.append(Mark("fetch", node, int(attempt), direction == "undo", status))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ((), "open"),
        (("n1 1 do started",), "at work"),
        (("n1 1 do started", "n1 1 do done"), "done"),
        (("n1 1 do started", "n1 1 do failed"), "failed"),
        (("n1 1 do failed", "n1 2 do started"), "at work"),
        (("n1 1 do failed", "n1 2 do done"), "done"),
        (("n1 1 do done", "n1 2 do started"), "at work"),
        (("n1 1 do done", "n1 1 undo started"), "going back"),
        (("n1 1 do done", "n1 1 undo done"), "taken back"),
        (("n1 1 do started", "n1 1 undo failed"), "not taken back"),
    ],
)
def test_the_state_of_one_node(noted: tuple[str, ...], expected: State) -> None:
    fetch = step_states(restore_plan(), marks(*noted))[1]
    assert fetch.nodes == {"n1": expected, "n2": "open", "n3": "open"}


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (("n1 1 do done",), "at work"),
        (("n1 1 do done", "n2 1 do failed", "n3 1 do started"), "failed"),
        (tuple(f"{node} 1 do done" for node in NODES), "done"),
        (("n1 1 undo done", "n2 1 undo started"), "going back"),
    ],
)
def test_the_state_of_a_step_is_what_somebody_has_to_know(noted: tuple[str, ...], expected: State) -> None:
    assert step_states(restore_plan(), marks(*noted))[1].state == expected


def test_steps_of_no_node_have_no_state() -> None:
    assert [each.step.name for each in step_states(restore_plan(), [])] == ["stop-api", "fetch", "swap", "start-api"]
