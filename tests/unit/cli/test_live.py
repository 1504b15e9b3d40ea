"""A run on a terminal: what stands there when it has ended."""

import io

from rich.console import Console

from builders.runs import failed, run_record, succeeded
from holdfast.cli.live import byte_bar, show_run
from holdfast.engine.watching import Observation
from holdfast.executions.base import ExecutionView
from holdfast.models.run import Outcome, Progress, RunStatus


def observation(*phases: str, progress: Progress | None = None, outcome: Outcome | None = None) -> Observation:
    status: RunStatus = outcome.status if outcome else "running"
    record = run_record(status=status, progress=progress or Progress(phase=phases[-1]), outcome=outcome)
    return Observation(record, ExecutionView(record.run_id, "SUCCEEDED" if outcome else "RUNNING", phases))


def shown(*observations: Observation) -> list[str]:
    written = io.StringIO()
    screen = Console(file=written, force_terminal=True, width=80, color_system=None, markup=False)
    assert show_run(screen, observations) == observations[-1]
    return [line.strip() for line in written.getvalue().splitlines()]


def test_a_finished_run_ends_with_every_phase_ticked_and_its_figures() -> None:
    last = shown(
        Observation(None, None),
        observation("Started", "Snapshot", progress=Progress(phase="Snapshot", done=45, total=100)),
        observation("Started", "Snapshot", "Seal", "Verify", "Retain", "Finished", outcome=succeeded()),
    )[-6:]
    assert [line.split()[:2] for line in last if "Started" in line or "Finished" in line][-1] == ["✓", "Finished"]
    assert any("Snapshot 3.1 s  433.1 MB, compressed 47.2 MB" in line for line in last)
    assert any("Verify   2.2 s  revision 77, 1234 keys" in line for line in last)


def test_a_failed_run_ends_with_the_phase_that_failed() -> None:
    last = shown(observation("Started"), observation("Started", "Snapshot", outcome=failed()))[-6:]
    assert "✗ Snapshot etcd_unreachable" in last
    assert "· Seal" in last


def test_the_bar_shows_bytes_on_a_terminal_and_nothing_elsewhere() -> None:
    for terminal in (True, False):
        written = io.StringIO()
        screen = Console(file=written, force_terminal=terminal, width=80, color_system=None)
        with byte_bar(screen, "reading back", 1000) as progress:
            progress(1000)
        assert ("reading back" in written.getvalue()) is terminal


def test_what_a_node_says_before_it_sends_stands_where_the_bar_will_be() -> None:
    saying = Progress(phase="Snapshot", total=100, said={"m1": "Snapshot saved at ./work/pair"})
    seen = observation("Started", "Snapshot", progress=saying)
    assert any("m1 says: Snapshot saved at ./work/pair" in line for line in shown(observation("Started"), seen))
    written = io.StringIO()
    show_run(Console(file=written, width=120, color_system=None), [observation("Started"), seen])
    assert "Snapshot m1 says: Snapshot saved at ./work/pair" in written.getvalue()
