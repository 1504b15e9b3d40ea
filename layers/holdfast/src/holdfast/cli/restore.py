"""`holdfast restore`: plan a restore, run it, see where it is, approve it, take it back, go on with it."""

import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.cli.backup import chosen
from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import session_of
from holdfast.cli.errors import REFUSED
from holdfast.cli.options import NOTE
from holdfast.cli.render import console, result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.cli.context import Session
    from holdfast.models.restore import ChangeRequest
    from holdfast.models.run import StartedRun

app = typer.Typer(help="Restore clusters: planned, approved, resumable.", no_args_is_help=True)

# The words of models/restore.py, which takes too long to load for --help; a test compares them.
Mode = Literal["etcd", "full", "one-first", "new-hosts"]


class Allowed(StrEnum):
    cluster_healthy = "cluster_healthy"
    backup_not_verified = "backup_not_verified"
    backup_possibly_dirty = "backup_possibly_dirty"
    manifest_unsigned = "manifest_unsigned"
    member_may_return = "member_may_return"
    no_emergency_snapshot = "no_emergency_snapshot"
    openshift_version_unknown = "openshift_version_unknown"
    quorum_restore_instead = "quorum_restore_instead"


ModeOption = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="etcd: the database, on all members at once; full: certificates, keys and manifests too;"
        " one-first: one member, the others join it; new-hosts: full, onto hosts with nothing.",
    ),
]
AllowOption = Annotated[
    list[Allowed] | None,
    typer.Option("--allow", metavar="CODE", help="Lift this guardrail; may be given more than once."),
]
OptionalBackup = Annotated[
    str | None,
    typer.Argument(metavar="[BACKUP]", help='A backup\'s id, or "latest": the newest verified one. Not with --quorum.'),
]
QuorumOption = Annotated[
    bool,
    typer.Option("--quorum", help="No backup: make a quorum of the data of a member that is left (OpenShift 4.18+)."),
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Show phases and steps until the run has ended.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as restore run printed it.")]


@app.command(epilog=NOTE)
def plan(
    context: typer.Context,
    cluster: ClusterArgument,
    backup: OptionalBackup = None,
    mode: ModeOption = "etcd",
    quorum: QuorumOption = False,
    allow: AllowOption = None,
    commands: Annotated[bool, typer.Option("--commands", help="Show the text of every script too.")] = False,
) -> None:
    """Show what a restore would do, and what speaks against it, and do nothing. Exit code 3 when it is refused."""
    from holdfast.cli.check_view import waiting_line
    from holdfast.cli.plan_view import plan_view, preview_note, scripts_of
    from holdfast.engine.restore.started import preview
    from holdfast.planning.naming import backup_id, run_id

    session = session_of(context)
    spec = session.services.clusters.get(cluster)
    request = _restore_of(session, cluster, backup, mode, allow, quorum=quorum)
    name = run_id(cluster, backup_id(session.services.clock(), "manual", secrets.token_hex(8)))
    with waiting_line() as wait:
        made = preview(session.services, spec, request, name, wait=lambda look: wait(look.waits_for))
    refused = any(finding.level == "refuse" for finding in made.findings)
    result(
        {
            "plan": made,
            "digest": made.digest,
            "refused": refused,
            "scripts": scripts_of(made) if commands else None,
        },
        lambda: (*plan_view(made, commands=commands), "", *preview_note(made, refused=refused)),
        as_json=session.as_json,
    )
    if refused:
        raise typer.Exit(REFUSED)


def allowances(codes: list[Allowed] | None) -> tuple[str, ...]:
    """Each once, in the order that they were given in."""
    return tuple(dict.fromkeys(code.value for code in codes or ()))


def request_of(**words: Any) -> "ChangeRequest":
    """InvalidInputError `input_invalid` for what cannot be an id of a cluster, a backup or a node."""
    from pydantic import ValidationError

    from holdfast.errors import InvalidInputError
    from holdfast.models.restore import ChangeRequest

    try:
        return ChangeRequest(**words)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "input"
        raise InvalidInputError("input_invalid", f"{name}: {first['msg']}") from None


def _restore_of(
    session: "Session", cluster: str, backup: str | None, mode: str, allow: list[Allowed] | None, *, quorum: bool
) -> "ChangeRequest":
    """InvalidInputError `input_invalid` unless it names a backup, or --quorum and none."""
    from holdfast.errors import InvalidInputError

    if (backup is None) != quorum:
        told = "a quorum restore uses no backup" if quorum else "no backup is named"
        raise InvalidInputError("input_invalid", told, hint="name a BACKUP, or latest, or give --quorum without one")
    asked = {"cluster": cluster, "allow": allowances(allow)}
    if backup is None:
        return request_of(**asked, quorum=True)
    return request_of(**asked, backup=chosen(session, cluster, backup), mode=mode)


@app.command(epilog=NOTE)
def run(
    context: typer.Context,
    cluster: ClusterArgument,
    backup: OptionalBackup = None,
    mode: ModeOption = "etcd",
    quorum: QuorumOption = False,
    allow: AllowOption = None,
    wait: WaitOption = False,
) -> None:
    """Start a restore. It looks, makes a plan, and waits for an approval before anything is touched."""
    from holdfast.cli.change_watch import watch_change
    from holdfast.engine.restore.starting import start_change

    session = session_of(context)
    request = _restore_of(session, cluster, backup, mode, allow, quorum=quorum)
    started = start_change(session.services, request, secrets.token_hex(8))
    if wait:
        watch_change(session, cluster, started.run_id, just_started=True)
        return
    result({"started": started}, lambda: started_lines(started), as_json=session.as_json)


def started_lines(started: "StartedRun") -> "Iterator[str]":
    yield f"run {started.run_id} has started: it looks at the cluster and makes its plan"
    yield f"holdfast restore status {started.run_id} shows where it is"
    yield f"holdfast restore approve {started.run_id} shows the plan and lets it begin"


@app.command(epilog=NOTE)
def status(context: typer.Context, run: RunArgument) -> None:
    """Show where a run is: each step on each node, what failed, and what comes next."""
    from holdfast.cli.change_view import status_value, status_view
    from holdfast.cli.run_commands import cluster_of
    from holdfast.engine.restore.status import change_status

    session = session_of(context)
    found = change_status(session.services, cluster_of(session.services, run), run)
    result({"status": status_value(found)}, lambda: status_view(found), as_json=session.as_json)


@app.command(epilog=NOTE)
def approve(
    context: typer.Context,
    run: RunArgument,
    cluster_id: Annotated[
        str | None, typer.Option("--cluster-id", metavar="ID", help="Instead of typing the cluster's id: for scripts.")
    ] = None,
) -> None:
    """Show the plan of a run that waits, ask for the cluster's id, and let the run begin."""
    from holdfast.cli.approving import ask_and_approve, next_lines
    from holdfast.cli.run_commands import cluster_of

    session = session_of(context)
    plan, approval = ask_and_approve(session, cluster_of(session.services, run), run, cluster_id)
    following = list(next_lines(plan))
    result(
        {"approval": approval, "next": following},
        lambda: (f"approved by {approval.approved_by}", *following),
        as_json=session.as_json,
    )


@app.command(epilog=NOTE)
def abort(context: typer.Context, run: RunArgument) -> None:
    """Stop a run and take back what it did. Refused past its point of no return."""
    from holdfast.cli.run_commands import cluster_of
    from holdfast.engine.restore.starting import abort_change

    session = session_of(context)
    services = session.services
    cluster = cluster_of(services, run)
    caller = services.identity.caller()
    with console(stderr=True).status(f"stopping {run}"):
        back = abort_change(services, cluster, run, aborted_by=caller, sleep=session.sleep)
    value = {"run_id": run, "aborted_by": caller, "execution": back.execution if back else None}
    result({"aborted": value}, lambda: _aborted(run, taken_back=back is not None), as_json=session.as_json)


def _aborted(run: str, *, taken_back: bool) -> "Iterator[str]":
    if not taken_back:
        yield f"run {run} ends, and nothing was changed"
        return
    yield f"run {run} is stopped; what it did is taken back now, the last step first"
    yield f"holdfast restore status {run} shows how far that is"


@app.command(epilog=NOTE)
def resume(context: typer.Context, run: RunArgument, wait: WaitOption = False) -> None:
    """Go on with a run that failed: what is done stays done."""
    from holdfast.cli.change_watch import watch_change
    from holdfast.cli.run_commands import cluster_of
    from holdfast.engine.restore.starting import resume_change

    session = session_of(context)
    cluster = cluster_of(session.services, run)
    with console(stderr=True).status(f"going on with {run}"):
        started = resume_change(session.services, cluster, run, sleep=session.sleep)
    if wait:
        watch_change(session, cluster, run, execution=started.execution, just_started=True)
        return
    result(
        {"started": started},
        lambda: (
            f"run {run} goes on, in the execution {started.execution}",
            f"holdfast restore status {run} shows where it is; nobody is asked again for the same plan",
        ),
        as_json=session.as_json,
    )
