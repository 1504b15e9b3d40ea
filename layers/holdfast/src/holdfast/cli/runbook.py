"""`holdfast runbook`: the restore of a backup as a page that a person follows without Holdfast."""

import sys

import typer

from holdfast.cli.backup import BackupArgument, chosen
from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import session_of
from holdfast.cli.render import result


def runbook(context: typer.Context, cluster: ClusterArgument, backup: BackupArgument) -> None:
    """Print how to restore a backup by hand, with nothing but a shell, aws and zstd. It is stored beside the backup."""
    from holdfast.engine.catalog import load_runbook

    session = session_of(context)
    text = load_runbook(session.services.reader, cluster, chosen(session, cluster, backup))
    if session.as_json:
        result({"runbook": text}, tuple, as_json=True)
    else:
        # As it is: it is Markdown, and lines of commands in it are copied.
        sys.stdout.write(text)
