"""`holdfast local`: the embedded AWS stack on this machine."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.context import session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import facts, moment, result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.local.stack import StackInfo

app = typer.Typer(help="Run the whole stack on this machine: no AWS account, no Docker.", no_args_is_help=True)


def steps_on_stderr() -> Callable[[str], None]:
    return lambda text: typer.echo(f"{datetime.now(UTC):%H:%M:%S} {text}", err=True)


@app.command(epilog=NOTE)
def up(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port on 127.0.0.1; a free one by default.")
    ] = None,
) -> None:
    """Start the stack and deploy template.yaml to it; or say what runs already."""
    from holdfast.local import stack
    from holdfast.local.home import find

    running = stack.up(find(), steps_on_stderr(), port=port)
    result({"stack": as_value(running)}, lambda: _shown(running), as_json=session_of(context).as_json)


@app.command(epilog=NOTE)
def down(context: typer.Context) -> None:
    """Stop the stack. Its state is in memory and goes with it."""
    from holdfast.local import stack
    from holdfast.local.home import find

    stopped = stack.down(find())
    result(
        {"stopped": stopped},
        lambda: ["the stack is stopped" if stopped else "no stack was running"],
        as_json=session_of(context).as_json,
    )


@app.command(epilog=NOTE)
def status(context: typer.Context) -> None:
    """Say whether the stack runs, and where."""
    from holdfast.local import stack
    from holdfast.local.home import find

    running = stack.status(find())
    result(
        {"stack": as_value(running) if running else None},
        lambda: _shown(running) if running else ["no stack is running; holdfast local up starts one"],
        as_json=session_of(context).as_json,
    )


def as_value(running: "StackInfo") -> dict[str, Any]:
    return {**running.model_dump(), "endpoint": running.endpoint, "environment": running.environment}


def _shown(running: "StackInfo") -> "list[RenderableType]":
    pairs = (("endpoint", running.endpoint), ("since", moment(running.started_at)), ("process", str(running.pid)))
    return [facts(pairs), "", "To use it in this shell:", f"  {running.export_line}"]
