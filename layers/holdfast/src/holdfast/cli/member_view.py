"""What `holdfast member status` shows: members, the quorum in numbers, and what can be done."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from holdfast.cli.render import human_bytes, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.models.members import MemberReport, MemberRow, Replacement


def member_view(found: "MemberReport") -> "Iterator[RenderableType]":
    yield table(
        ("MEMBER", "ID", "NODE", "HEALTH", "ROLE", "VERSION", "SIZE", "REVISION", "WHY"),
        map(_row, found.members),
        right=("SIZE", "REVISION"),
    )
    yield ""
    yield quorum_line(found)
    for note in found.notes:
        yield f"note: {note}"
    for each in found.replacements:
        yield ""
        yield from _replacement(each)


def _row(row: "MemberRow") -> "tuple[RenderableType, ...]":
    role = "learner" if row.is_learner else "leader" if row.is_leader else "follower"
    return (
        row.name or "-",
        row.member_id,
        row.node or "-",
        Text(row.health, style="green" if row.health == "healthy" else "bold red"),
        role if row.version or row.is_learner else "-",
        row.version or "-",
        "-" if row.db_size is None else human_bytes(row.db_size),
        "-" if row.revision is None else str(row.revision),
        row.problem,
    )


def quorum_line(found: "MemberReport") -> str:
    if not found.voters:
        return "quorum: unknown, no member answers"
    counted = f"{found.healthy} of {found.voters} voters are healthy, {found.needed} are needed"
    if found.may_fail < 0:
        back = -found.may_fail
        return f"quorum: lost: {counted}; {back} more must come back, or the cluster be restored from a backup"
    if found.may_fail == 0:
        return f"quorum: {counted}; none may fail any more"
    return f"quorum: {counted}; {found.may_fail} more may fail"


def _replacement(each: "Replacement") -> "Iterator[RenderableType]":
    whose = f"the member {each.member} of {each.node}" if each.member else f"{each.node}, which has no member,"
    if each.cause:
        whose = f"{whose} ({each.cause}: {each.reason})"
    if not each.refusals:
        yield f"{whose} can be replaced: {each.command}"
        return
    yield f"{whose} cannot be replaced now:"
    for finding in each.refusals:
        yield f"  {finding.code}: {finding.text}"
        if finding.hint:
            yield f"    {finding.hint}"
