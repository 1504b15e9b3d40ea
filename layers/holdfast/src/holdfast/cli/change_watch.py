"""Following a restore, or a member's replacement, to its end on the screen."""

from typing import TYPE_CHECKING

import typer

from holdfast.cli.context import Session
from holdfast.cli.render import console, public_record, result
from holdfast.cli.run_commands import exit_of, run_details

if TYPE_CHECKING:
    from holdfast.engine.restore.following import ChangeSeen


def watch_change(session: Session, cluster: str, run: str, *, execution: str = "", just_started: bool = False) -> None:
    """Ends with the run's own exit code: 1 failed, 3 refused."""
    from holdfast.cli.change_live import show_change
    from holdfast.engine.restore.following import follow_change

    observations = follow_change(
        session.services, cluster, run, execution=execution, sleep=session.sleep, just_started=just_started
    )
    try:
        seen: ChangeSeen = show_change(console(stderr=True), observations)
    except KeyboardInterrupt:
        typer.echo(f"the run goes on; holdfast restore status {run}", err=True)
        raise
    record = seen.record
    if record is None or record.outcome is None:
        raise ValueError("follow ends with an outcome")
    result({"run": public_record(record)}, lambda: run_details(record, with_error=False), as_json=session.as_json)
    raise typer.Exit(exit_of(record.outcome, as_json=session.as_json))
