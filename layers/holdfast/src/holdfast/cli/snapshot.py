"""`holdfast snapshot inspect`: a local file, sound or damaged, and what is in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.context import session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import facts, human_bytes, result, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.models.database import DatabaseSummary

app = typer.Typer(help="Look into snapshot files.", no_args_is_help=True)

SHOWN_RESOURCES = 15


@app.callback()
def _group() -> None:
    """A group even while it has one command: `holdfast snapshot inspect`."""


@app.command(epilog=NOTE)
def inspect(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A snapshot: .db, .db.zst or .db.gz, whatever its name.")
    ],
    show_all: Annotated[bool, typer.Option("--all", help="List every resource, not only the largest.")] = False,
    work_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the unpacked database fits for a moment.")
    ] = None,
) -> None:
    """Check a snapshot file whole and count what is in it. Exit code 0 sound, 1 damaged, 2 no such file."""
    from holdfast.engine.inspect import inspect_file
    from holdfast.errors import DamagedError

    as_json = session_of(context).as_json
    try:
        found = inspect_file(file, work_dir=work_dir)
    except DamagedError as error:
        reason = {"code": error.code, "message": error.message}
        result(
            {"file": str(file), "verdict": "damaged", "reason": reason, "database": None},
            lambda: [_verdict("damaged", "bold red", file)],
            as_json=as_json,
        )
        raise
    result(
        {"file": str(file), "verdict": "sound", "reason": None, "database": found},
        lambda: _report(file, found, show_all=show_all),
        as_json=as_json,
    )


def _verdict(word: str, style: str, file: Path) -> "RenderableType":
    from rich.text import Text

    return Text.assemble((word, style), f": {file}")


def _report(file: Path, found: "DatabaseSummary", *, show_all: bool) -> "Iterator[RenderableType]":
    yield _verdict("sound", "bold green", file)
    yield facts(_lines(found))
    yield ""
    ranked = sorted(found.resources.items(), key=lambda item: (-item[1].bytes, item[0]))
    shown = ranked if show_all else ranked[:SHOWN_RESOURCES]
    rows = ((name, str(count.count), human_bytes(count.bytes)) for name, count in shown)
    yield table(("RESOURCE", "KEYS", "BYTES"), rows, right=("KEYS", "BYTES"))
    if len(shown) < len(ranked):
        yield f"and {len(ranked) - len(shown)} smaller ones (--all)"


def _lines(found: "DatabaseSummary") -> "Iterator[tuple[str, str]]":
    head = found.head
    yield "sha256", found.sha256
    yield "size", f"{human_bytes(found.size)} ({found.size} bytes)"
    yield "pages", f"{head.high_water_pages} of {head.page_size} bytes, transaction {head.txid}"
    yield "revision", str(head.revision)
    yield "compacted at", str(head.compact_revision) if head.compact_revision >= 0 else "never"
    yield "records", str(found.records)
    yield (
        "live keys",
        f"{found.live_keys} ({found.other_keys} outside {', '.join(found.prefixes) or 'any known prefix'})",
    )
    yield "leases", str(found.leases)
    yield "members", ", ".join(head.members) or "-"
    yield "cluster version", head.cluster_version or "-"
    hashed = found.hash_kv
    yield "hash_kv", f"{hashed.hash} at revision {hashed.revision}" if hashed else "open: a compaction is half done"
    yield "encryption keys", ", ".join(found.encryption_keys) or "none seen: no value is encrypted at rest"
