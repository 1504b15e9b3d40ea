"""A run's phases while it runs: moving on a terminal, one line per change elsewhere. On standard error."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from holdfast.cli.render import human_bytes, human_seconds
from holdfast.engine.watching import Observation

if TYPE_CHECKING:
    from holdfast.models.run import Outcome, Progress

BAR_WIDTH = 30


def show_run(screen: Console, observations: Iterable[Observation], *, indent: int = 0) -> Observation:
    """Shows every observation; the last one is the answer."""
    if screen.is_terminal:
        return _moving(screen, observations, indent)
    return _in_lines(screen, observations, " " * indent)


def _moving(screen: Console, observations: Iterable[Observation], indent: int) -> Observation:
    view = _PhaseTable()
    with Live(Padding(view, (0, 0, 0, indent), expand=False), console=screen, refresh_per_second=10):
        for seen in observations:
            view.seen = seen
    return _last(view.seen)


def _in_lines(screen: Console, observations: Iterable[Observation], indent: str) -> Observation:
    last: Observation | None = None
    said = ""
    for last in observations:
        for line in _news(last, said):
            screen.print(Text(f"{indent}{datetime.now(UTC):%H:%M:%S} {line}"))
            said = line
    return _last(last)


def _last(seen: Observation | None) -> Observation:
    if seen is None:
        raise ValueError("a run is observed at least once")
    return seen


def _news(seen: Observation, said: str) -> Iterator[str]:
    """The lines that say more than the last one said. A phase that came and went between two looks is named too."""
    before = said.split()[0] if said else ""
    known = seen.entered.index(before) + 1 if before in seen.entered else 0
    yield from seen.entered[known:-1] if before != seen.phase else ()
    line = seen.phase
    progress = seen.progress
    if progress is not None and not seen.ended:
        line += f" {words_of(progress) or f'{percentage(progress)} % of {human_bytes(progress.total)}'}"
    if line and line != said and not (seen.ended and before == seen.phase):
        yield line


def words_of(progress: "Progress") -> str:
    return "; ".join(f"{node} says: {words}" for node, words in progress.said.items())


def percentage(progress: "Progress") -> int:
    return min(100, round(100 * progress.done / progress.total))


class _PhaseTable:
    """Drawn anew ten times a second, from the last observation."""

    def __init__(self) -> None:
        self._seen: Observation | None = None
        self._since = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")

    @property
    def seen(self) -> Observation | None:
        return self._seen

    @seen.setter
    def seen(self, seen: Observation) -> None:
        if self._seen is None or seen.phase != self._seen.phase:
            self._since = time.monotonic()
        self._seen = seen

    def __rich__(self) -> RenderableType:
        rows = Table.grid(Column(width=1), Column(width=8), Column(min_width=8), padding=(0, 1))
        waited = human_seconds(max(1.0, time.monotonic() - self._since))
        if self._seen is None or not self._seen.phase:
            rows.add_row(self._spinner, "waiting", Text(waited, style="dim"))
            return rows
        for phase in self._seen.phases:
            rows.add_row(*self._row(phase, self._seen, waited))
        return rows

    def _row(self, phase: str, seen: Observation, waited: str) -> tuple[RenderableType, RenderableType, RenderableType]:
        outcome = seen.record.outcome if seen.record else None
        if phase not in seen.entered:
            return Text("·", style="dim"), Text(phase, style="dim"), ""
        if phase != seen.phase or (outcome and outcome.status == "succeeded"):
            return Text("✓", style="green"), phase, Text(_found(phase, outcome), style="dim")
        if outcome:
            return Text("✗", style="red"), Text(phase, style="red"), outcome.error.code if outcome.error else ""
        return self._spinner, Text(phase, style="bold"), _bar(seen.progress) or Text(waited, style="dim")


def _found(phase: str, outcome: "Outcome | None") -> str:
    """What a phase came to, once the outcome says it."""
    if outcome is None or outcome.figures is None:
        return ""
    figures = outcome.figures
    if phase == "Snapshot":
        sizes = f"{human_bytes(figures.raw_size)}, compressed {human_bytes(figures.size)}"
        return f"{human_seconds(figures.snapshot_seconds)}  {sizes}"
    if phase == "Verify":
        return f"{human_seconds(figures.verify_seconds)}  revision {figures.revision}, {figures.live_keys} keys"
    return ""


def _bar(progress: "Progress | None") -> RenderableType | None:
    if progress is None:
        return None
    if words := words_of(progress):
        return Text(words, style="dim")
    grid = Table.grid(padding=(0, 1))
    size = f"{human_bytes(progress.done)} of {human_bytes(progress.total)}"
    grid.add_row(
        ProgressBar(total=progress.total, completed=progress.done, width=BAR_WIDTH),
        Text(f"{percentage(progress):3d} %  {size}"),
    )
    return grid


@contextmanager
def byte_bar(screen: Console, title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar over `total` bytes on a terminal, nothing elsewhere. What it gives is called with the bytes done so far."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)
