"""What `holdfast cluster check` shows: members, nodes, findings with their hints, and the verdict."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from holdfast.cli.openshift_view import openshift_rows
from holdfast.cli.render import console, facts, human_bytes, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.engine.check import Checked
    from holdfast.models.etcd import MemberStatus
    from holdfast.models.node import NodeSurvey
    from holdfast.models.plan import Finding
    from holdfast.models.run import Pending

_LEVELS = {"refuse": ("refused", "red"), "warn": ("warning", "yellow"), "info": ("note", "dim")}


@contextmanager
def waiting_line() -> Iterator[Callable[["Pending"], None]]:
    """Says on standard error whom the check waits for: a spinner on a terminal, a line per change in a file."""
    screen = console(stderr=True)
    said: list[str] = []
    with screen.status("looking") as status:

        def wait(pending: "Pending") -> None:
            text = f"{pending.stage}: waiting for {', '.join(step.node for step in pending.steps)}"
            status.update(text)
            if not screen.is_terminal and text not in said:
                screen.print(text)
                said.append(text)
            time.sleep(pending.wait_s)

        yield wait


def check_view(found: "Checked") -> Iterator["RenderableType"]:
    if found.members:
        yield table(
            ("MEMBER", "VERSION", "SIZE", "ROLE", "REVISION"),
            (_member(status) for status in found.members),
            right=("SIZE", "REVISION"),
        )
        yield ""
    if found.nodes:
        yield table(
            ("NODE", "RUNS", "KUBERNETES", "FREE", "CLOCK", "PACKS WITH", "SECRETS"),
            map(_node, found.nodes),
            right=("FREE", "CLOCK"),
        )
        yield ""
    if openshift := tuple(openshift_rows(found.nodes)):
        yield facts(openshift)
        yield ""
    if found.failures:
        yield table(("NO ANSWER", "WHY"), ((each.endpoint, f"{each.code}: {each.message}") for each in found.failures))
        yield ""
    if found.findings:
        yield table(("RESULT", "CODE", "WHAT"), map(finding_row, found.findings))
        yield ""
    yield _verdict(found)


def _member(status: "MemberStatus") -> tuple[str, ...]:
    role = "learner" if status.is_learner else "leader" if status.is_leader else "follower"
    return (status.endpoint, status.version, human_bytes(status.db_size), role, str(status.revision))


def _node(survey: "NodeSurvey") -> tuple[str, ...]:
    packer = "zstd" if "zstd" in survey.tools else "gzip" if "gzip" in survey.tools else "-"
    return (
        survey.node,
        survey.topology,
        survey.kubernetes_version or "-",
        human_bytes(survey.work_free),
        f"{survey.clock_offset_s:+.0f} s",
        packer,
        f"{len(survey.bundle_paths)} paths",
    )


def finding_row(finding: "Finding") -> "tuple[RenderableType, ...]":
    word, style = _LEVELS[finding.level]
    return (
        Text(word, style=style),
        finding.code,
        Text(f"{finding.text}\n  {finding.hint}" if finding.hint else finding.text),
    )


def _verdict(found: "Checked") -> str:
    choice = found.choice
    if choice is None or found.refused:
        codes = [finding.code for finding in found.findings if finding.level == "refuse"]
        return f"a backup would be refused: {', '.join(codes)}"
    return f"a backup would be taken from {choice.node or choice.endpoint}: {choice.reason}"
