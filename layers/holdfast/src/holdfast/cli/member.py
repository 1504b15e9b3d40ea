"""`holdfast member`: the members of a cluster's etcd, and the replacement of one that is lost."""

import secrets
from typing import Annotated

import typer

from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import result
from holdfast.cli.restore import AllowOption, WaitOption, allowances, started_lines

app = typer.Typer(help="Look after the members of etcd.", no_args_is_help=True)


@app.command(epilog=NOTE)
def status(context: typer.Context, cluster: ClusterArgument) -> None:
    """Show every member, how many more may fail, and which one can be replaced."""
    from holdfast.cli.check_view import waiting_line
    from holdfast.cli.member_view import member_view
    from holdfast.engine.members import look_at_members

    session = session_of(context)
    spec = session.services.clusters.get(cluster)
    with waiting_line() as wait:
        found = look_at_members(session.services, spec, f"members-{secrets.token_hex(6)}", wait=wait)
    result({"members": found}, lambda: member_view(found), as_json=session.as_json)


@app.command(epilog=NOTE)
def replace(
    context: typer.Context,
    cluster: ClusterArgument,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The node whose member is lost.")],
    allow: AllowOption = None,
    wait: WaitOption = False,
) -> None:
    """Replace the member of one node: off the list, its data aside, in again as a learner, promoted.

    Waits for an approval before anything is touched. Refused while the quorum would not survive it.
    """
    from holdfast.cli.change_watch import watch_change
    from holdfast.cli.restore import request_of
    from holdfast.engine.restore.starting import start_change

    session = session_of(context)
    request = request_of(cluster=cluster, replace=node, allow=allowances(allow))
    started = start_change(session.services, request, secrets.token_hex(8))
    if wait:
        watch_change(session, cluster, started.run_id, just_started=True)
        return
    result({"started": started}, lambda: started_lines(started), as_json=session.as_json)
