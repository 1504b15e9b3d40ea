"""How a retention plan, and what came of it, look to a person and in JSON."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from holdfast.cli.render import human_bytes, table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from holdfast.engine.retention import Applied
    from holdfast.models.retention import RetentionPlan, Verdict

_COLUMNS = ("BACKUP", "KIND", "STATE", "SIZE", "VERDICT", "REASON")


def plan_view(plan: "RetentionPlan") -> "Iterator[RenderableType]":
    if plan.verdicts:
        yield table(_COLUMNS, (_row(verdict) for verdict in plan.verdicts), right=("SIZE",))
        yield ""
    for finding in plan.findings:
        yield f"{finding.level}: {finding.text}"
        yield f"  {finding.hint}"
    for orphan in plan.orphans:
        yield f"remove: the secrets of {orphan}, of which nothing else is left"
    yield _summary(plan)


def _row(verdict: "Verdict") -> "tuple[str | RenderableType, ...]":
    from rich.text import Text

    word = "keep" if verdict.keep else "remove"
    return (
        verdict.backup_id,
        verdict.kind,
        verdict.state,
        human_bytes(verdict.size),
        Text(word, style="" if verdict.keep else "yellow"),
        verdict.reason,
    )


def _summary(plan: "RetentionPlan") -> str:
    going = len(plan.removals)
    if not going and not plan.orphans:
        return f"nothing goes: all of {_backups(len(plan.verdicts))} of {plan.cluster_id} stay"
    return f"{_backups(going)} of {len(plan.verdicts)} would go, {human_bytes(plan.freed)} of snapshots"


def _backups(number: int) -> str:
    return f"{number} backup" if number == 1 else f"{number} backups"


def next_lines(plan: "RetentionPlan") -> Iterator[str]:
    yield f"digest: {plan.digest}"
    if plan.removals or plan.orphans:
        yield f"holdfast retention apply {plan.cluster_id} --digest {plan.digest}"


def question(plan: "RetentionPlan") -> str:
    going = [_backups(len(plan.removals))] if plan.removals else []
    going += [f"the secrets of {_backups(len(plan.orphans))}"] if plan.orphans else []
    return f'Type "yes" to remove {" and ".join(going)} of {plan.cluster_id} for good'


def applied_lines(applied: "Applied") -> Iterator[str]:
    for backup in applied.removed:
        yield f"removed  {backup}"
    for orphan in applied.orphans:
        yield f"removed  the secrets of {orphan}"
    for each in applied.spared:
        yield f"stays    {each.backup_id}: {each.reason}"
    yield f"{_backups(len(applied.removed))} of {applied.cluster_id} removed, {human_bytes(applied.freed)} of snapshots"


@contextmanager
def removing_bar(screen: "Console") -> "Iterator[Callable[[int, int], None]]":
    """On a terminal, how many of how many are done; nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("removing"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as progress:
        task = progress.add_task("removing", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
