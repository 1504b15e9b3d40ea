"""How values look to a person: sizes, durations, moments, tables. Sizes are decimal (1 MB = 1,000,000 bytes)."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from holdfast.models.run import RunRecord

# Wide enough that a table is never folded where a program or a file reads it.
PIPE_WIDTH = 400


def human_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def human_seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def human_speed(size: float, seconds: float) -> str:
    return f"{size / seconds / 1e6:.0f} MB/s" if seconds > 0 else "-"


def moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%SZ}"


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, markup=False, width=None if stream.isatty() else PIPE_WIDTH)


def table(
    columns: Sequence[str], rows: Iterable[Sequence["str | RenderableType"]], *, right: Iterable[str] = ()
) -> "Table":
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def facts(pairs: Iterable[tuple[str, str]]) -> "Table":
    """Two columns: a name and its value."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, Text(value))
    return made


def result(value: Mapping[str, Any], human: Callable[[], Iterable["RenderableType"]], *, as_json: bool) -> None:
    """The result of a command on standard output: `value` as JSON, or what `human` makes of it."""
    if as_json:
        from pydantic_core import to_jsonable_python

        sys.stdout.write(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False) + "\n")
        return
    screen = console()
    for part in human():
        say(screen, part)


def say(screen: "Console", part: "RenderableType", *, indent: int = 0) -> None:
    """A line to copy stays one line, however narrow the terminal is; a file gets no blanks at the ends of lines."""
    from rich.padding import Padding
    from rich.text import Text

    wraps = isinstance(part, str | Text)
    padded = Padding(part, (0, 0, 0, indent), expand=False) if indent else part
    if screen.is_terminal:
        screen.print(padded, soft_wrap=wraps)
        return
    with screen.capture() as captured:
        screen.print(padded, soft_wrap=wraps)
    screen.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    screen.file.flush()


def public_record(record: "RunRecord") -> dict[str, Any]:
    """A run's record without the task token of its question: whoever has that can answer."""
    return record.model_dump(mode="json", exclude={"question": {"token"}})
