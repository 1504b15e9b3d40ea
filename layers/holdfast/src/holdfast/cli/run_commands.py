"""`holdfast run`: what ran, what runs now, and how it goes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import Session, session_of
from holdfast.cli.errors import FAILED, OK, REFUSED, show_error
from holdfast.cli.options import NOTE
from holdfast.cli.render import (
    console,
    facts,
    human_bytes,
    human_seconds,
    human_speed,
    moment,
    public_record,
    result,
    table,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.engine.services import Services
    from holdfast.models.run import Outcome, RunRecord

app = typer.Typer(help="Follow runs: what happened, what happens now.", no_args_is_help=True)

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id: the name of its execution.")]
ClusterOption = Annotated[
    str | None, typer.Option("--cluster", metavar="ID", help="Where the run's id does not begin with the cluster's.")
]


@app.command("list", epilog=NOTE)
def list_runs(
    context: typer.Context,
    cluster: ClusterArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
) -> None:
    """List a cluster's runs, the newest first."""
    session = session_of(context)
    records = session.services.runs.list(cluster, limit)
    if not records:
        session.services.clusters.get(cluster)
    result(
        {"runs": [public_record(record) for record in records]},
        lambda: [run_table(records) if records else f"cluster {cluster} has no runs yet"],
        as_json=session.as_json,
    )


def run_table(records: "list[RunRecord]") -> "RenderableType":
    from rich.text import Text

    styles = {"succeeded": "green", "failed": "bold red", "refused": "red", "running": "cyan"}
    rows = (
        (
            record.run_id,
            moment(record.started_at),
            _kind(record),
            Text(record.status, style=styles[record.status]),
            record.outcome.phase if record.outcome else record.progress.phase,
            _took(record.outcome),
            record.outcome.error.code if record.outcome and record.outcome.error else "",
        )
        for record in records
    )
    return table(("RUN", "STARTED", "KIND", "STATUS", "PHASE", "TOOK", "ERROR"), rows, right=("TOOK",))


def _kind(record: "RunRecord") -> str:
    return record.kind if record.job == "backup" else record.job


def _took(outcome: "Outcome | None") -> str:
    return human_seconds((outcome.finished_at - outcome.started_at).total_seconds()) if outcome else ""


@app.command(epilog=NOTE)
def show(context: typer.Context, run: RunArgument, cluster: ClusterOption = None) -> None:
    """Show one run: its phase, or how it ended."""
    session = session_of(context)
    record = session.services.runs.get(cluster or cluster_of(session.services, run), run)
    result({"run": public_record(record)}, lambda: run_details(record), as_json=session.as_json)


@app.command(epilog=NOTE)
def watch(context: typer.Context, run: RunArgument, cluster: ClusterOption = None) -> None:
    """Show a run's phases until it has ended. The exit code is the run's: 1 failed, 3 refused."""
    from holdfast.cli.change_watch import watch_change

    session = session_of(context)
    cluster = cluster or cluster_of(session.services, run)
    if is_change(session.services, cluster, run):
        watch_change(session, cluster, run, just_started=True)
    else:
        watch_to_the_end(session, cluster, run)


def is_change(services: "Services", cluster: str, run: str) -> bool:
    """Whether a run is a restore or a replacement. Before its first state opened it, its execution tells."""
    from holdfast.engine.watching import if_known

    record = if_known(lambda: services.runs.get(cluster, run))
    if record is not None:
        return record.job != "backup"
    return if_known(lambda: services.changes.view(run)) is not None


def cluster_of(services: "Services", run: str) -> str:
    """The cluster that a run belongs to. Runs of schedules and of this command line carry it in their name; for a name
    that somebody typed in the console every registered cluster is asked."""
    from holdfast.errors import PermanentError
    from holdfast.models.run import UNKNOWN_CLUSTER
    from holdfast.planning.naming import cluster_of_run

    if named := cluster_of_run(run):
        return named
    for cluster in [*(spec.id for spec in services.clusters.list()), UNKNOWN_CLUSTER]:
        try:
            return services.runs.get(cluster, run).cluster_id
        except PermanentError as error:
            if error.code != "run_unknown":
                raise
    raise PermanentError(
        "run_unknown", f"no registered cluster has a run {run}", hint="name its cluster with --cluster"
    )


def watch_to_the_end(session: Session, cluster: str, run: str, *, just_started: bool = False) -> None:
    """Ends with the run's own exit code."""
    from holdfast.cli.live import show_run
    from holdfast.engine.watching import follow

    observations = follow(session.services, cluster, run, sleep=session.sleep, just_started=just_started)
    try:
        record = show_run(console(stderr=True), observations).record
    except KeyboardInterrupt:
        typer.echo(f"the run goes on; holdfast run watch {run}", err=True)
        raise
    if record is None or record.outcome is None:
        raise ValueError("follow ends with an outcome")
    # The error itself goes to standard error, below.
    result({"run": public_record(record)}, lambda: run_details(record, with_error=False), as_json=session.as_json)
    raise typer.Exit(exit_of(record.outcome, as_json=session.as_json))


def exit_of(outcome: "Outcome", *, as_json: bool) -> int:
    """The exit code of an outcome, with its error on standard error."""
    if outcome.status == "succeeded":
        return OK
    if outcome.error is not None:
        error = outcome.error
        show_error(error.code, error.family, error.message, error.hint, as_json=as_json)
    return REFUSED if outcome.status == "refused" else FAILED


def run_details(record: "RunRecord", *, with_error: bool = True) -> "Iterator[RenderableType]":
    lines = [*_lines(record)]
    if with_error and record.outcome and record.outcome.error:
        error = record.outcome.error
        lines += [("error", f"[{error.code}] {error.message}"), ("hint", error.hint or "-")]
    yield facts(lines)
    for warning in record.outcome.warnings if record.outcome else ():
        yield f"warning: {warning}"


def _lines(record: "RunRecord") -> Iterator[tuple[str, str]]:
    outcome = record.outcome
    yield "run", record.run_id
    yield "cluster", record.cluster_id
    yield "backup", record.backup_id or "-"
    yield "started", f"{moment(record.started_at)} ({_kind(record)})"
    if outcome is None:
        yield "status", f"{record.status}, phase {record.progress.phase}"
        return
    yield "status", f"{outcome.status} in {_took(outcome)}, phase {outcome.phase}"
    if outcome.followed_by:
        yield "next", f"a fresh backup has started: holdfast run watch {outcome.followed_by}"
    if outcome.figures:
        figures = outcome.figures
        speed = human_speed(figures.raw_size, figures.snapshot_seconds)
        yield "size", f"{human_bytes(figures.raw_size)}, compressed {human_bytes(figures.size)}"
        yield "snapshot", f"{human_seconds(figures.snapshot_seconds)}, {speed}"
        yield (
            "verified",
            f"in {human_seconds(figures.verify_seconds)}: revision {figures.revision}, {figures.live_keys} keys",
        )
        yield "sha256", figures.sha256
