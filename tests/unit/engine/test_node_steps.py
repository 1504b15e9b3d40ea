"""One look at steps on several nodes: who waits, who is done, whose error lasts."""

from datetime import timedelta

import pytest

from builders.services import START
from holdfast.engine.node_steps import AWAY, GRACE, LOOK, MISSES, first_step, look, report_of
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.command import Command, CommandResult
from holdfast.models.node import BundleReport, NodeStep
from holdfast.transports.memory import MemoryTransport

COMMAND = Command("true", timeout_s=60)
AWAY_ERROR = TransientError("node_unreachable", "n1: no route to host")


def transport(looks: int = 0, result: CommandResult | None = None) -> MemoryTransport:
    answer = result or CommandResult(0, "{}")
    return MemoryTransport(("n1", "n2"), lambda _node, _command: answer, looks=looks)


def steps(*nodes: str) -> tuple[NodeStep, ...]:
    return tuple(first_step(node, "run-1", "Started", "survey", START) for node in nodes)


def test_a_step_that_has_ended_is_done_and_one_that_runs_is_waited_for() -> None:
    nodes = transport(looks=1)
    first = look(nodes, steps("n1", "n2"), lambda _: COMMAND, START)
    assert [step.node for step in first.waiting] == ["n1", "n2"]
    assert first.waiting[0].handle == "n1/run-1.started.survey.1"
    second = look(nodes, tuple(first.waiting), lambda _: COMMAND, START)
    assert set(second.done) == {"n1", "n2"}
    assert len(nodes.started) == 2


def test_a_node_that_is_away_is_asked_again_until_it_is_away_for_too_long() -> None:
    nodes = transport()
    nodes.fail("run", AWAY_ERROR, AWAY_ERROR)
    first = look(nodes, steps("n1"), lambda _: COMMAND, START)
    assert first.waiting[0].misses == 1
    later = look(nodes, tuple(first.waiting), lambda _: COMMAND, START + AWAY + timedelta(seconds=1))
    assert later.failed["n1"] is AWAY_ERROR


def test_a_first_look_gives_a_node_up_after_a_few_misses() -> None:
    nodes = transport()
    nodes.fail("run", *([AWAY_ERROR] * MISSES))
    waiting = steps("n1")
    for _ in range(MISSES - 1):
        seen = look(nodes, waiting, lambda _: COMMAND, START, patient=False)
        waiting = tuple(seen.waiting)
        assert waiting
    assert look(nodes, waiting, lambda _: COMMAND, START, patient=False).failed == {"n1": AWAY_ERROR}


def test_a_node_that_comes_back_counts_anew() -> None:
    nodes = transport(looks=1)
    nodes.fail("run", AWAY_ERROR)
    first = look(nodes, steps("n1"), lambda _: COMMAND, START)
    second = look(nodes, tuple(first.waiting), lambda _: COMMAND, START)
    assert second.waiting[0].misses == 0


def test_a_step_that_was_lost_is_started_anew_under_its_key() -> None:
    nodes = transport(looks=2)
    first = look(nodes, steps("n1"), lambda _: COMMAND, START)
    nodes.reboot("n1")
    second = look(nodes, tuple(first.waiting), lambda _: COMMAND, START)
    assert second.waiting[0].handle == ""
    look(nodes, tuple(second.waiting), lambda _: COMMAND, START)
    assert nodes.started == [("n1", "run-1.started.survey.1")] * 2


def test_an_earlier_attempt_that_still_runs_is_stopped_before_the_next_one_begins() -> None:
    """A node that did not answer any more goes on with what it was told."""
    nodes = transport(looks=9)
    look(nodes, steps("n1"), lambda _: COMMAND, START)
    (again,) = (
        first_step("n1", "run-1", "Started", "survey", START, attempt=2).model_copy(update={"replaces": each.key})
        for each in steps("n1")
    )
    waiting = look(nodes, (again,), lambda _: COMMAND, START).waiting
    look(nodes, tuple(waiting), lambda _: COMMAND, START)
    assert nodes.cancelled == [("n1", "run-1.started.survey.1")]
    assert nodes.started[-1] == ("n1", "run-1.started.survey.2")


def test_a_step_that_does_not_end_is_stopped_and_failed() -> None:
    nodes = transport(looks=99)
    first = look(nodes, steps("n1"), lambda _: COMMAND, START)
    late = START + timedelta(seconds=COMMAND.timeout_s) + GRACE + timedelta(seconds=1)
    second = look(nodes, tuple(first.waiting), lambda _: COMMAND, late)
    assert second.failed["n1"].code == "node_step_timeout"
    assert nodes.cancelled == [("n1", "run-1.started.survey.1")]


def test_an_error_that_lasts_is_its_nodes_and_the_others_go_on() -> None:
    nodes = transport()
    nodes.fail("run", PermanentError("ssh_host_key_changed", "n1 shows another key"))
    seen = look(nodes, steps("n1", "n2"), lambda _: COMMAND, START)
    assert seen.failed["n1"].code == "ssh_host_key_changed"
    assert set(seen.done) == {"n2"}


def test_a_look_that_takes_too_long_ends_and_the_next_one_begins_where_it_stopped() -> None:
    nodes = transport()
    moments = iter([START, START + LOOK + timedelta(seconds=1)])
    first = look(nodes, steps("n1", "n2"), lambda _: COMMAND, START, clock=lambda: next(moments))
    assert set(first.done) == {"n1"}
    assert [step.node for step in first.waiting] == ["n2"]
    assert nodes.started == [("n1", "run-1.started.survey.1")]


GOOD = '{"compression": "zstd", "size": 10, "object_sha256": "' + "0" * 64 + '", "files": 3}'


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (CommandResult(1, '{"code": "upload_unreachable", "message": "no route"}'), "upload_unreachable"),
        (CommandResult(1, "Killed"), "node_script_failed"),
        (CommandResult(127, "", "sh: not found"), "node_script_failed"),
        (CommandResult(124, ""), "node_step_timeout"),
        (CommandResult(0, "Welcome to n1"), "node_output_unreadable"),
        (CommandResult(0, '{"size": -1}'), "node_output_unreadable"),
        (CommandResult(0, GOOD[:20], truncated=True), "node_output_truncated"),
        (CommandResult(1, '{"code": "Rm -rf", "message": "x"}'), "node_script_failed"),
    ],
)
def test_an_answer_that_is_none_of_ours_has_a_code(result: CommandResult, code: str) -> None:
    with pytest.raises(HoldfastError) as caught:
        report_of("n1", result, BundleReport)
    assert caught.value.code == code
    assert caught.value.message.startswith("n1: ")


def test_a_report_is_read() -> None:
    assert report_of("n1", CommandResult(0, GOOD), BundleReport).files == 3


def test_the_last_words_of_a_tool_are_the_hint() -> None:
    with pytest.raises(HoldfastError) as caught:
        report_of("n1", CommandResult(2, "", "one\n\ntar: no space left on device\n"), BundleReport)
    assert "no space left" in caught.value.hint
