"""`holdfast cluster`: the registry of clusters and their schedules."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.context import session_of
from holdfast.cli.errors import REFUSED
from holdfast.cli.options import NOTE
from holdfast.cli.render import facts, result, table

if TYPE_CHECKING:
    from holdfast.models.cluster import ClusterSpec
    from holdfast.models.schedule import ScheduleRequest

app = typer.Typer(help="Register clusters and their schedules.", no_args_is_help=True)

ClusterArgument = Annotated[str, typer.Argument(metavar="ID", help="The cluster's id.")]


@app.command(epilog=NOTE)
def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Option("--file", "-f", metavar="FILE", help="The cluster's YAML file.")],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="The id's cluster or its store has moved: accept another driver, other endpoints, another storage.",
        ),
    ] = False,
) -> None:
    """Register a cluster, or change it, with its schedules."""
    from holdfast.cli.spec_file import load_cluster_spec
    from holdfast.engine.clusters import apply_cluster

    session = session_of(context)
    applied = apply_cluster(session.services, load_cluster_spec(file), replace=replace)
    result(
        {"applied": applied},
        lambda: [
            f"cluster {applied.cluster_id} {applied.change}; schedule: {schedule_text(applied.schedule)}"
            + (f"; version watch: {schedule_text(applied.watch)}" if applied.watch else "")
        ],
        as_json=session.as_json,
    )


@app.command("list", epilog=NOTE)
def list_clusters(context: typer.Context) -> None:
    """Show every registered cluster."""
    session = session_of(context)
    specs = session.services.clusters.list()
    result(
        {"clusters": specs},
        lambda: [table(("ID", "DRIVER", "REACHED", "SCHEDULE", "KEEPS"), map(_row, specs)) if specs else _NONE],
        as_json=session.as_json,
    )


_NONE = "no cluster is registered; holdfast cluster apply -f FILE registers one"


def _row(spec: "ClusterSpec") -> tuple[str, str, str, str, str]:
    from holdfast.planning.retention_words import keeps

    return (spec.id, spec.driver, _reached(spec), _wished(spec), keeps(spec.retention))


def _reached(spec: "ClusterSpec") -> str:
    """How, and through how many places."""
    transport = spec.transport
    if transport.kind == "kubernetes":
        return f"kubernetes, {transport.via}"
    return f"{transport.kind}, {len(transport.places)}"


def _wished(spec: "ClusterSpec") -> str:
    wish = spec.schedule
    if wish is None:
        return "none"
    text = wish.cron or f"every {wish.rate}"
    return f"{text} {wish.timezone}" + (" (paused)" if wish.paused else "")


def _stored(spec: "ClusterSpec") -> str:
    storage = spec.storage
    if storage is None:
        return "the installation's storage"
    bucket = storage.bucket or "the stack's buckets"
    folder = f"/{storage.folder}" if storage.folder else ""
    return f"{bucket}{folder}" + (f" at {storage.endpoint}" if storage.endpoint else "")


def schedule_text(request: "ScheduleRequest | None") -> str:
    if request is None:
        return "none"
    window = f", within {request.flexible_minutes} min" if request.flexible_minutes else ""
    return f"{request.expression} {request.timezone}{window}" + ("" if request.enabled else " (paused)")


@app.command(epilog=NOTE)
def show(context: typer.Context, cluster: ClusterArgument) -> None:
    """Show one cluster, and its schedules as EventBridge has them."""
    from holdfast.planning.retention_words import sentence

    session = session_of(context)
    spec = session.services.clusters.get(cluster)
    schedule = session.services.schedules.get(cluster)
    watch = session.services.schedules.get(cluster, "version-watch")
    result(
        {"cluster": spec, "schedule": schedule, "watch": watch},
        lambda: [
            facts(
                (
                    ("id", spec.id),
                    ("driver", spec.driver),
                    ("description", spec.description or "-"),
                    ("reached by", _reached(spec)),
                    ("at", "\n".join(spec.transport.places)),
                    ("credentials", getattr(spec.transport, "credentials", "-")),
                    ("stored in", _stored(spec)),
                    ("schedule", schedule_text(schedule)),
                    ("version watch", schedule_text(watch)),
                    ("keeps", sentence(spec.retention)),
                )
            )
        ],
        as_json=session.as_json,
    )


@app.command(epilog=NOTE)
def check(context: typer.Context, cluster: ClusterArgument) -> None:
    """Look at members and nodes as a backup would, and say what speaks against one."""
    from holdfast.cli.check_view import check_view, waiting_line
    from holdfast.engine.check import check_cluster

    session = session_of(context)
    spec = session.services.clusters.get(cluster)
    with waiting_line() as wait:
        found = check_cluster(session.services, spec, f"check-{secrets.token_hex(6)}", wait=wait)
    result({"check": found}, lambda: check_view(found), as_json=session.as_json)
    if found.refused:
        raise typer.Exit(REFUSED)


@app.command(epilog=NOTE)
def remove(context: typer.Context, cluster: ClusterArgument) -> None:
    """Forget a cluster and its schedule. Its backups stay."""
    from holdfast.engine.clusters import remove_cluster

    session = session_of(context)
    remove_cluster(session.services, cluster)
    result(
        {"removed": cluster},
        lambda: [f"cluster {cluster} and its schedule are removed; its backups stay where they are"],
        as_json=session.as_json,
    )
