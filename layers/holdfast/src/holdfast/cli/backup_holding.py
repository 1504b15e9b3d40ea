"""`holdfast backup hold` and `unhold`, and what `backup show` says of holds and locks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import session_of
from holdfast.cli.render import moment, result, table

if TYPE_CHECKING:
    from rich.table import Table

    from holdfast.engine.holding import Kept, Protected
    from holdfast.models.backup import Hold
    from holdfast.storage.base import LockState

BackupIdArgument = Annotated[str, typer.Argument(metavar="BACKUP", help="A backup's id.")]


def hold_backup(
    context: typer.Context,
    cluster: ClusterArgument,
    backup: Annotated[
        str, typer.Argument(metavar="BACKUP", help='A backup\'s id, or "latest": the newest verified one.')
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever wants to release it.")] = "",
) -> None:
    """Keep a backup: from retention, and by legal holds from everybody where the store has Object Lock."""
    from holdfast.cli.backup import chosen
    from holdfast.engine.holding import hold

    session = session_of(context)
    backup = chosen(session, cluster, backup)
    kept = hold(session.services, cluster, backup, reason=reason)
    result(
        {"held": backup, **_reached(kept)},
        lambda: [
            f"{backup} is held: retention leaves it alone; legal holds on {_count(kept)}",
            *(
                f"note: the {bucket} bucket has no Object Lock: whoever may delete its objects still can"
                for bucket in kept.without_lock
            ),
        ],
        as_json=session.as_json,
    )


def unhold_backup(context: typer.Context, cluster: ClusterArgument, backup: BackupIdArgument) -> None:
    """Release a backup that was held. Retention decides about it again."""
    from holdfast.engine.holding import unhold

    session = session_of(context)
    kept = unhold(session.services, cluster, backup)
    result(
        {"released": backup, **_reached(kept)},
        lambda: [f"{backup} is released: no legal hold on {_count(kept)}, and retention decides about it again"],
        as_json=session.as_json,
    )


def _reached(kept: "Kept") -> dict[str, Any]:
    objects = [{"bucket": bucket, "key": key} for bucket, key in kept.objects]
    return {"objects": objects, "without_object_lock": kept.without_lock}


def _count(kept: "Kept") -> str:
    return f"{len(kept.objects)} {'object' if len(kept.objects) == 1 else 'objects'}"


def hold_line(hold: "Hold | None") -> str:
    if hold is None:
        return "no"
    who = f"by {hold.held_by}" if hold.held_by else "by a marker that holdfast backup hold did not write"
    when = f" since {moment(hold.held_at)}" if hold.held_at else ""
    return f"{who}{when}{f': {hold.reason}' if hold.reason else ''}"


def as_values(protected: "Sequence[Protected]") -> list[dict[str, Any]]:
    """`mode`, `until` and `held` are null where the caller may not see them."""
    return [
        {
            "bucket": each.bucket,
            "key": each.key,
            "mode": each.state.mode if each.state else None,
            "until": each.state.until if each.state else None,
            "held": each.state.held if each.state else None,
        }
        for each in protected
    ]


def protection_table(protected: "Sequence[Protected]") -> "Table":
    rows = ((each.bucket, each.key, *_cells(each.state)) for each in protected)
    return table(("BUCKET", "OBJECT", "LOCKED UNTIL", "HELD"), rows)


def _cells(state: "LockState | None") -> Iterator[str]:
    if state is None:
        yield from ("not allowed to see", "")
        return
    yield f"{moment(state.until)}, {state.mode}" if state.until else "-"
    yield "yes" if state.held else "-"
