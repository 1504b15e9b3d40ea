"""`holdfast retention`: what would go and why, exactly that removed, and a suspicious backup accepted."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.backup import BackupArgument, chosen
from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import Session, session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import console, result, say

if TYPE_CHECKING:
    from holdfast.models.retention import RetentionPlan

app = typer.Typer(help="Show which backups would go and why, and remove exactly those.", no_args_is_help=True)


@app.command(epilog=NOTE)
def plan(context: typer.Context, cluster: ClusterArgument) -> None:
    """Show what retention would keep and remove, with the reason for each, and do nothing."""
    from holdfast.cli.retention_view import next_lines, plan_view

    session = session_of(context)
    made = _plan(session, cluster)
    result(
        {"plan": made, "digest": made.digest, "freed": made.freed},
        lambda: (*plan_view(made), "", *next_lines(made)),
        as_json=session.as_json,
    )


def _plan(session: Session, cluster: str) -> "RetentionPlan":
    from holdfast.engine.retention import plan_retention

    with console(stderr=True).status(f"looking at the backups of {cluster}"):
        return plan_retention(session.services, cluster).plan


@app.command(epilog=NOTE)
def apply(
    context: typer.Context,
    cluster: ClusterArgument,
    digest: Annotated[
        str | None, typer.Option("--digest", metavar="DIGEST", help="Of the plan that was shown: do that or nothing.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; whatever the plan is by now.")] = False,
) -> None:
    """Remove what the plan says. Exit code 3 when the plan is another one by now, or a run is at work."""
    from holdfast.cli.retention_view import applied_lines, removing_bar
    from holdfast.engine.retention import apply_retention
    from holdfast.planning.naming import retention_owner

    session = session_of(context)
    services = session.services
    wanted = digest
    if wanted is None:
        made = _plan(session, cluster)
        if not yes:
            _ask(session, made)
        wanted = made.digest
    owner = retention_owner(cluster, secrets.token_hex(8))
    with removing_bar(console(stderr=True)) as progress:
        applied = apply_retention(services, cluster, digest=wanted, owner=owner, progress=progress)
    result({"applied": applied}, lambda: applied_lines(applied), as_json=session.as_json)


def _ask(session: Session, made: "RetentionPlan") -> None:
    """InvalidInputError `retention_unattended` where nobody can be asked; RefusedError `retention_declined`."""
    from holdfast.cli.retention_view import plan_view, question
    from holdfast.errors import InvalidInputError, RefusedError

    if session.as_json or not session.attended():
        raise InvalidInputError(
            "retention_unattended",
            "nobody can be asked here: there is no terminal, or the output is JSON",
            hint="pass --digest of the plan that was looked at, or --yes",
        )
    screen = console(stderr=True)
    for part in (*plan_view(made), ""):
        say(screen, part)
    if (made.removals or made.orphans) and session.ask(question(made)).strip().lower() != "yes":
        raise RefusedError("retention_declined", "the answer was not yes: nothing was removed")


@app.command(epilog=NOTE)
def accept(context: typer.Context, cluster: ClusterArgument, backup: BackupArgument) -> None:
    """Say that a suspicious backup is what the cluster is meant to be: retention goes on."""
    from holdfast.engine.accepting import accept_backup

    session = session_of(context)
    backup = chosen(session, cluster, backup)
    made = accept_backup(session.services, cluster, backup, accepted_by=session.services.identity.caller())
    result(
        {"accepted": made},
        lambda: [f"{backup} is accepted by {made.accepted_by}: it is what later backups are compared with"],
        as_json=session.as_json,
    )
