"""`holdfast`: the application, its global options and its entry point."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from holdfast import __version__
from holdfast.cli import (
    backup,
    cluster,
    csr,
    demo,
    freshness,
    local,
    member,
    restore,
    retention,
    run_commands,
    runbook,
    snapshot,
)
from holdfast.cli.context import Session, session_of
from holdfast.cli.errors import guarded
from holdfast.cli.options import NOTE, STACK, GlobalOptions, OutputFormat, globals_first, wants_debug, wants_json


class _GlobalsAnywhere(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, globals_first(args))


app = typer.Typer(
    cls=_GlobalsAnywhere,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cluster.app, name="cluster")
app.add_typer(backup.app, name="backup")
app.add_typer(restore.app, name="restore")
app.add_typer(retention.app, name="retention")
app.add_typer(member.app, name="member")
app.add_typer(csr.app, name="csr")
app.add_typer(run_commands.app, name="run")
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(local.app, name="local")
app.command(name="runbook", epilog=NOTE)(runbook.runbook)
app.command(name="freshness", epilog=NOTE)(freshness.freshness)
app.command(name="demo", epilog=demo.EPILOG)(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def holdfast(
    context: typer.Context,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", envvar="HOLDFAST_OUTPUT", help="Tables for people, or JSON.")
    ] = OutputFormat.human,
    endpoint_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where AWS is, as AWS_ENDPOINT_URL says otherwise.")
    ] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="As AWS_PROFILE says otherwise.")] = None,
    region: Annotated[
        str | None, typer.Option(metavar="NAME", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="The AWS region.")
    ] = None,
    stack: Annotated[
        str, typer.Option(metavar="NAME", envvar="HOLDFAST_STACK", help="The CloudFormation stack of Holdfast.")
    ] = STACK,
    debug: Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")] = False,
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Back up and restore the etcd of Kubernetes control planes, from outside the clusters.

    Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 refused by a guardrail.
    """
    session_of(context).options = GlobalOptions(
        endpoint_url=endpoint_url, profile=profile, region=region, stack=stack, output=output, debug=debug
    )


def main(arguments: Sequence[str], session: Session | None = None) -> int:
    """The exit code of `holdfast ARGUMENTS`. Tests pass a session of their own."""
    command = typer.main.get_command(app)
    return guarded(
        lambda: command.main(
            args=list(arguments), prog_name="holdfast", standalone_mode=False, obj=session or Session()
        ),
        as_json=wants_json(arguments, os.environ),
        debug=wants_debug(arguments),
    )


def run() -> None:
    """The console script's entry point."""
    sys.exit(main(sys.argv[1:]))
