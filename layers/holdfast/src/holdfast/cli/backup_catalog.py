"""`holdfast backup list` and `index`: what the catalogue tells, what lies there, and the one made to tell the other."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import session_of
from holdfast.cli.render import human_bytes, moment, result, table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from holdfast.engine.indexing import Indexed
    from holdfast.models.backup import BackupEntry

_STYLES = {"verified": "green", "damaged": "bold red"}


def list_of_backups(
    context: typer.Context,
    cluster: ClusterArgument,
    objects: Annotated[
        bool,
        typer.Option("--objects", help="Look at the objects themselves: leftovers too, and what no catalogue has."),
    ] = False,
) -> None:
    """List a cluster's backups, the newest first."""
    from holdfast.engine.catalog import backups_with_anything, look_at_objects, read_catalog

    session = session_of(context)
    reader = session.services.reader
    notes: list[str] = []
    if objects:
        entries = look_at_objects(reader, cluster)
        empty = f"nothing of a backup lies below {cluster}/"
    else:
        catalog = read_catalog(reader, cluster)
        entries, notes = list(catalog.entries), _strangers(catalog.strangers)
        unknown = [] if entries else _unknown(cluster, len(backups_with_anything(reader, cluster)))
        empty = f"the catalogue knows no backup of {cluster}" if unknown else f"cluster {cluster} has no backups yet"
        notes += unknown
    # A removed cluster still has its backups; an id with neither is `cluster_unknown`.
    if not entries and not notes:
        session.services.clusters.get(cluster)
    result(
        {"backups": entries, "notes": notes},
        lambda: [backup_table(entries) if entries else empty, *(f"note: {note}" for note in notes)],
        as_json=session.as_json,
    )


def _unknown(cluster: str, number: int) -> list[str]:
    """An empty catalogue may be a lost one, which must not read as if there were no backups."""
    if not number:
        return []
    backups = "1 backup" if number == 1 else f"{number} backups"
    look = f"holdfast backup list {cluster} --objects shows it, holdfast backup index {cluster} writes it down"
    return [f"of {backups} there is something that the catalogue does not know: {look}"]


def _strangers(keys: Sequence[str]) -> list[str]:
    """A key may be anything: only so much of it is shown, and no control character."""
    if not keys:
        return []
    first = repr(keys[0])[:120]
    return [f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} in the catalogue are none of Holdfast's, first {first}"]


def backup_table(entries: "list[BackupEntry]") -> "Table":
    from rich.text import Text

    rows = (
        (
            entry.backup_id,
            moment(entry.taken_at),
            entry.kind,
            Text(_state(entry), style=_STYLES.get(entry.state, "yellow")),
            human_bytes(entry.size),
            "held" if entry.held else "",
        )
        for entry in entries
    )
    return table(("BACKUP", "TAKEN", "KIND", "STATE", "SIZE", "HOLD"), rows, right=("SIZE",))


def _state(entry: "BackupEntry") -> str:
    return f"{entry.state}, possibly dirty" if entry.possibly_dirty else entry.state


def index_backups(context: typer.Context, cluster: ClusterArgument) -> None:
    """Make the catalogue say what the objects say, as after the loss of its keys. Removes no backup."""
    from holdfast.engine.indexing import index

    session = session_of(context)
    done = index(session.services, cluster)
    if not (done.written or done.gone or done.unreadable):
        session.services.clusters.get(cluster)
    unreadable = [{"backup_id": backup, "code": code} for backup, code in done.unreadable]
    result(
        {"written": done.written, "gone": done.gone, "unreadable": unreadable},
        lambda: _indexed(cluster, done),
        as_json=session.as_json,
    )


def _indexed(cluster: str, done: "Indexed") -> "Iterator[RenderableType]":
    if not (done.written or done.gone or done.unreadable):
        yield f"the catalogue of {cluster} says what is there"
    for entry in done.written:
        yield f"{entry.backup_id} is {entry.state}: written"
    for backup in done.gone:
        yield f"{backup} is not there any more: removed from the catalogue"
    for backup, code in done.unreadable:
        yield f"{backup} stays as it was: {code}"
