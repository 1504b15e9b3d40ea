"""A restore on a terminal: what stands there."""

import io
from dataclasses import replace

from rich.console import Console

from builders.changes import NODES, TOKEN, restore_plan
from builders.runs import NOON, run_record
from holdfast.cli.change_live import lines_of, show_change
from holdfast.engine.restore.following import ChangeSeen
from holdfast.engine.restore.journal import Mark
from holdfast.executions.base import ExecutionView
from holdfast.models.approval import Question
from holdfast.models.run import ErrorInfo, Outcome, Progress

RUN = restore_plan().run_id
BEGUN = {Mark("stop-api", node, 1, undo=False, status="started") for node in NODES}
STOPPED = BEGUN | {Mark("stop-api", node, 1, undo=False, status="done") for node in NODES}


def seen(phase: str, marks: set[Mark] | None = None, **changes: object) -> ChangeSeen:
    outcome = changes.get("outcome")
    status = getattr(outcome, "status", "running")
    record = run_record(RUN, job="restore", status=status, progress=Progress(phase=phase), **changes)
    return ChangeSeen(
        record, ExecutionView(RUN, "FAILED" if outcome else "RUNNING", ()), restore_plan(), frozenset(marks or ())
    )


def screen_after(*observations: ChangeSeen) -> list[str]:
    """What is left on the terminal, without the frames before."""
    written = io.StringIO()
    screen = Console(file=written, force_terminal=True, width=120, color_system=None, markup=False)
    assert show_change(screen, observations) == observations[-1]
    lines = [line.strip() for line in written.getvalue().splitlines()]
    starts = [at for at, line in enumerate(lines) if line.endswith("Started") or " Started " in line]
    return lines[starts[-1] :]


def test_the_step_at_work_shows_each_node_and_whom_it_waits_for() -> None:
    one = BEGUN | {Mark("stop-api", "n1", 1, undo=False, status="done")}
    shown = "\n".join(screen_after(seen("Started"), seen("Shutdown", one)))
    assert "n1 ✓" in shown
    assert "n2 …" in shown
    assert "waits for n2, n3: stop-api is over" in shown
    assert "· RestartCluster" in shown


def test_a_question_says_how_to_approve_and_not_its_token() -> None:
    question = Question(token=TOKEN, digest=restore_plan().digest, asked_at=NOON, expires_at=NOON)
    shown = "\n".join(screen_after(seen("Started"), seen("Approval", question=question)))
    assert f"holdfast restore approve {RUN}" in shown
    assert TOKEN not in shown


def test_steps_that_are_over_are_folded_away_and_a_failed_one_stays() -> None:
    failed = STOPPED | {Mark("fetch", "n2", 1, undo=False, status="failed")}
    error = ErrorInfo(code="restore_disk_short", family="permanent", message="no room")
    outcome = Outcome(
        run_id=RUN, job="restore", cluster_id="prod-1", status="failed", phase="Restore", started_at=NOON,
        finished_at=NOON, error=error,
    )  # fmt: skip
    shown = "\n".join(screen_after(seen("Shutdown", STOPPED), seen("Restore", failed, outcome=outcome)))
    assert "✗ Restore" in shown
    assert "restore_disk_short" in shown
    assert "✗ fetch" in shown
    assert "✓ Shutdown" in shown
    assert "stop-api" not in shown


def test_going_back_is_a_phase_of_its_own_with_what_is_taken_back() -> None:
    back = STOPPED | {Mark("stop-api", "n1", 1, undo=True, status="done")}
    back |= {Mark("stop-api", "n2", 1, undo=True, status="started")}
    shown = "\n".join(screen_after(seen("Shutdown", STOPPED), seen("Rollback", back)))
    assert "Rollback" in shown
    assert "taking it back on n2" in shown
    assert "✓ RestartCluster" not in shown


SAYS = Progress(phase="Shutdown", step="stop-api", said={"n1": "waiting for etcd to stop", "n2": "it is over"})


def test_what_a_node_says_of_its_step_is_below_it_as_long_as_it_is_at_work() -> None:
    before = seen("Shutdown", BEGUN | {Mark("stop-api", "n2", 1, undo=False, status="done")})
    assert before.record
    saying = replace(before, record=before.record.model_copy(update={"progress": SAYS}))
    shown = "\n".join(screen_after(seen("Started"), saying))
    assert "n1: waiting for etcd to stop" in shown
    assert "it is over" not in shown
    lines = list(lines_of(saying))
    assert "Shutdown stop-api: n1 says: waiting for etcd to stop" in lines
    assert [line for line in lines if "it is over" in line] == []


def test_words_of_another_step_are_shown_beside_none() -> None:
    before = seen("Shutdown", BEGUN)
    assert before.record
    other = SAYS.model_copy(update={"step": "stop-etcd"})
    saying = replace(before, record=before.record.model_copy(update={"progress": other}))
    assert [line for line in lines_of(saying) if "says" in line] == []
