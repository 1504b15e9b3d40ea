"""`holdfast csr`: kubelets' certificate requests that wait, and their approval."""

import secrets
from typing import Annotated

import typer

from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import result
from holdfast.cli.restore import WaitOption, started_lines

app = typer.Typer(help="Approve kubelets' certificate requests (OpenShift).", no_args_is_help=True)

NodeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--node",
        metavar="NODE",
        help="A machine that is new and may join by this name; may be given more than once.",
    ),
]


@app.command("list", epilog=NOTE)
def list_(context: typer.Context, cluster: ClusterArgument, node: NodeOption = None) -> None:
    """Show the requests that wait: whose they are, whether they would be approved, and why."""
    from holdfast.cli.check_view import waiting_line
    from holdfast.cli.csr_view import csr_view
    from holdfast.engine.csrs import look_at_csrs

    session = session_of(context)
    spec = session.services.clusters.get(cluster)
    named = frozenset(node or ())
    with waiting_line() as wait:
        found = look_at_csrs(session.services, spec, f"csrs-{secrets.token_hex(6)}", named=named, wait=wait)
    result({"csrs": found}, lambda: csr_view(cluster, found), as_json=session.as_json)


@app.command(epilog=NOTE)
def approve(
    context: typer.Context, cluster: ClusterArgument, node: NodeOption = None, wait: WaitOption = False
) -> None:
    """Approve those that pass every check, client certificates first, then serving ones. The rest stays as it is.

    Waits for an approval, by the cluster's id, before anything is touched.
    """
    from holdfast.cli.change_watch import watch_change
    from holdfast.cli.restore import request_of
    from holdfast.engine.csrs import refuse_unknown
    from holdfast.engine.restore.starting import start_change

    session = session_of(context)
    request = request_of(cluster=cluster, csrs=True, nodes=tuple(node or ()))
    refuse_unknown(session.services.clusters.get(cluster))
    started = start_change(session.services, request, secrets.token_hex(8))
    if wait:
        watch_change(session, cluster, started.run_id, just_started=True)
        return
    result({"started": started}, lambda: started_lines(started), as_json=session.as_json)
