"""What `holdfast csr list` shows: every request with its verdict and the reason."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from holdfast.cli.render import table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.models.csr import CsrReport, Verdict


def csr_view(cluster: str, found: "CsrReport") -> "Iterator[RenderableType]":
    if found.requests:
        yield table(("VERDICT", "REQUEST", "FOR", "NODE", "WHY"), map(_row, found.requests))
        yield ""
    good = sum(1 for each in found.requests if each.action == "approve")
    yield f"{good} of {len(found.requests)} requests would be approved, as {found.host} tells"
    if found.not_ready_count:
        more = found.not_ready_count - len(found.not_ready)
        yield f"not Ready: {', '.join(found.not_ready)}" + (f" and {more} more" if more else "")
    if good:
        yield f"holdfast csr approve {cluster} approves them, and those that follow"


def _row(each: "Verdict") -> "tuple[RenderableType, ...]":
    style = "green" if each.action == "approve" else "bold red"
    return Text(each.action, style=style), each.name, each.use or "-", each.node or "-", f"{each.code}: {each.why}"
