"""`holdfast freshness`: how old the last verified backups are, as the bucket tells it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.context import session_of
from holdfast.cli.render import human_seconds, result, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.models.freshness import Freshness, FreshnessReport

_STYLES = {"fresh": "green", "stale": "bold red", "never": "bold red", "unknown": "yellow"}
FAILED = 1
_DAY = 86_400


def freshness(
    context: typer.Context,
    cluster: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A cluster's id; all registered ones without.")
    ] = None,
) -> None:
    """Show how old each cluster's last verified backup is, and what is odd about it. Exit code 1 when one needs a
    look."""
    from holdfast.engine.freshness import check_freshness

    session = session_of(context)
    report = check_freshness(session.services, None if cluster is None else [cluster], copies=True)
    result(
        {"checked_at": report.checked_at, "clusters": report.clusters}, lambda: _view(report), as_json=session.as_json
    )
    if any(each.needs_a_look for each in report.clusters):
        raise typer.Exit(FAILED)


def _view(report: "FreshnessReport") -> "Iterator[RenderableType]":
    from rich.text import Text

    if not report.clusters:
        yield "no cluster is registered: holdfast cluster apply -f FILE"
        return
    columns = ("CLUSTER", "LAST VERIFIED", "AGE", "EXPECTED", "STATE", "FINDINGS")
    rows = (
        (
            each.cluster_id,
            each.backup_id or "-",
            age(each.age_s),
            "-" if each.expected_s is None else f"within {age(each.expected_s)}",
            Text(each.state, style=_STYLES.get(each.state, "")),
            ", ".join(sorted({finding.code for finding in each.findings})) or "-",
        )
        for each in report.clusters
    )
    yield table(columns, rows, right=("AGE", "EXPECTED"))
    for each in report.clusters:
        yield from _findings(each)


def _findings(cluster: "Freshness") -> Iterator[str]:
    for finding in cluster.findings:
        yield ""
        yield f"{cluster.cluster_id}: {finding.level}[{finding.code}]: {finding.text}"
        if finding.hint:
            yield f"hint: {finding.hint}"


def age(seconds: int | None) -> str:
    """Days and hours from two days on: minutes of an old backup tell nothing."""
    if seconds is None:
        return "-"
    if seconds < 2 * _DAY:
        return human_seconds(seconds)
    days, rest = divmod(seconds, _DAY)
    return f"{days} d {rest // 3600:02} h"
