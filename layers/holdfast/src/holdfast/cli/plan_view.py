"""What a plan looks like: which script runs on which node, in order, with the point of no return marked."""

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from holdfast.cli.check_view import finding_row
from holdfast.cli.render import facts, moment, table
from holdfast.models.restore import CHANGE_PHASES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.models.restore import RestorePlan, RestoreStep

NO_RETURN = "━━━ point of no return: from here on the old data are aside; a failure stops, and a resume goes on ━━━"
# Variables that a step is handed in secret: presigned URLs, made when it starts.
_GRANTS = {"snapshot": "snapshot_url", "bundle": "bundle_url"}
_HANDED = "<presigned when the step starts, handed over in secret>"


def plan_view(plan: "RestorePlan", *, commands: bool = False) -> "Iterator[RenderableType]":
    """`commands` adds the text of every script, which the short form only names."""
    yield facts(_head(plan))
    if plan.findings:
        yield ""
        yield table(("RESULT", "CODE", "WHAT"), map(finding_row, plan.findings))
    if commands:
        yield from _shared(plan)
    numbers = {step.name: number for number, step in enumerate(plan.steps, start=1)}
    passed = False
    for phase in CHANGE_PHASES:
        steps = plan.steps_of(phase)
        if not steps:
            continue
        yield ""
        yield Text(phase, style="bold")
        for step in steps:
            if step.no_return and not passed:
                passed = True
                yield Text(NO_RETURN, style="bold red")
            yield from _step(numbers[step.name], step, past=passed, commands=commands)
    yield ""
    yield f"digest {plan.digest}"


def _head(plan: "RestorePlan") -> Iterator[tuple[str, str]]:
    yield "plan", f"{what_of(plan)}, made {moment(plan.made_at)}"
    yield "nodes", f"{', '.join(nodes_of(plan)) or '-'}, over {plan.transport} ({plan.driver})"
    if plan.backup_id:
        hashed = "" if plan.hash_kv is None else f", HashKV {plan.hash_kv}"
        yield "database", f"revision {plan.revision}{hashed}, {sum(plan.counts.values())} keys"
    yield "first", _emergency(plan)
    if plan.requested_by:
        yield "asked by", plan.requested_by
    if plan.allowed:
        yield "allowed", ", ".join(plan.allowed)


def what_of(plan: "RestorePlan") -> str:
    if plan.job == "approve-csrs":
        return f"approve certificate requests of kubelets of {plan.cluster_id}"
    if plan.job == "replace-member":
        return f"replace the member of {plan.cluster_id} on {plan.replaced}"
    if plan.job == "restore-quorum":
        return f"restore the quorum of {plan.cluster_id} from a member that is left"
    return f"restore {plan.cluster_id} from {plan.backup_id}, mode {plan.mode}"


def _emergency(plan: "RestorePlan") -> str:
    if plan.job == "approve-csrs":
        return "no backup: nothing that etcd's members have is replaced"
    if plan.emergency is None:
        missing = any(finding.code == "no_emergency_snapshot" and finding.level != "info" for finding in plan.findings)
        return f"no emergency backup: {'none could be made' if missing else 'no member answers'}"
    return f"an emergency backup of what answers: {plan.emergency}"


def nodes_of(plan: "RestorePlan") -> tuple[str, ...]:
    return tuple(sorted({command.node for step in plan.steps for command in step.commands}))


def _step(number: int, step: "RestoreStep", *, past: bool, commands: bool) -> "Iterator[RenderableType]":
    yield _indented(Text.assemble((f"{number:2} {step.name}", "cyan"), f"  {step.title}"), 2)
    for line in short_commands(step):
        yield _indented(line, 5)
    yield _indented(Text("; ".join(_terms(step, past=past)), style="dim"), 5)
    if commands and step.script:
        yield _script(f"restore/{step.script}")


def _terms(step: "RestoreStep", *, past: bool) -> Iterator[str]:
    if len(step.commands) > 1:
        yield "one node after the other" if step.one_by_one else "on all at once"
    yield f"done when {step.done_when}"
    yield f"at most {step.timeout_s} s" if step.timeout_s < 120 else f"at most {step.timeout_s // 60} min"
    if step.undo:
        yield f"undone by {step.undo}"
    elif past:
        yield "not undone"


def short_commands(step: "RestoreStep") -> Iterator[str]:
    """The script with the variables that all nodes share, then on each node those that are its own. Quoted as a shell
    wants them, but for line ends, which are shown as \\n."""
    if not step.commands:
        yield "by Holdfast itself, on no node"
        return
    first, *others = step.commands
    shared = {
        name: value for name, value in first.values.items() if all(each.values.get(name) == value for each in others)
    }
    handed = [f"{_GRANTS[step.grant]}={_HANDED}"] if step.grant else []
    yield f"{', '.join(each.node for each in step.commands)}: {' '.join((step.script, *_words(shared), *handed))}"
    for each in step.commands:
        own = _words({name: value for name, value in each.values.items() if name not in shared})
        if own:
            yield f"  {each.node}: {' '.join(own)}"


def _words(values: "Mapping[str, str]") -> list[str]:
    return [f"{name}={shlex.quote(value)}".replace("\n", "\\n") for name, value in values.items()]


def _shared(plan: "RestorePlan") -> "Iterator[RenderableType]":
    yield ""
    yield Text("Functions that the scripts share", style="bold")
    for name in (*SHARED, *SHARED_MORE.get(plan.driver, ())):
        yield _script(name)


def _script(name: str) -> Text:
    from holdfast import node

    return _indented(node.script(name).rstrip("\n").expandtabs(4), 7)


# What node.change puts in front of every script, and in front of those for a distribution's hosts.
SHARED = ("common", "containers", "restore", "download")
SHARED_MORE = {"openshift": ("openshift", "openshift_restore")}


def scripts_of(plan: "RestorePlan") -> dict[str, str]:
    """The full text of every script of a plan, as a node gets it; the variables are in the plan."""
    from holdfast import node

    names = {name for step in plan.steps for name in (step.script, step.undo) if name}
    return {name: node.change(name) for name in sorted(names)}


def _indented(part: str | Text, by: int) -> Text:
    """Every line begins further right, and stays one line."""
    lines = (part if isinstance(part, Text) else Text(part)).split("\n")
    return Text("\n").join(Text(" " * by) + line if line else line for line in lines)


def preview_note(plan: "RestorePlan", *, refused: bool) -> Iterator[str]:
    """What a dry run ends with."""
    if refused:
        codes = [finding.code for finding in plan.findings if finding.level == "refuse"]
        yield f"it would be refused: {', '.join(codes)}"
        return
    yield f"a dry run: nothing was done; the real run has a name of its own where this one says {plan.run_id}"
