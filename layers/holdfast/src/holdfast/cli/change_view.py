"""What `holdfast restore status` shows: where a run is, each step on each node, what failed, and what comes next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.text import Text

from holdfast.cli.change_live import asked, said_of, waited_for
from holdfast.cli.render import facts, human_seconds, moment, public_record, table
from holdfast.cli.step_states import MARKS, StepState, step_states

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.engine.restore.status import ChangeStatus
    from holdfast.models.restore import RestorePlan, StepRecord


def status_value(found: "ChangeStatus") -> dict[str, Any]:
    """For programs: the task token of a question stays inside, whoever has it could answer."""
    value = found.model_dump(mode="json")
    value["record"] = public_record(found.record)
    value["digest"] = found.plan.digest if found.plan else None
    return value


def status_view(found: "ChangeStatus") -> "Iterator[RenderableType]":
    states = step_states(found.plan, found.records) if found.plan else ()
    yield facts(_head(found, states))
    if found.plan:
        yield ""
        yield table(("", "STEP", "PHASE", "NODES", "TOOK"), _rows(found, states), right=("TOOK",))
    for record in _failures(found.records):
        yield ""
        yield from _failure(record)
    yield ""
    yield from next_steps(found)


def _head(found: "ChangeStatus", states: tuple[StepState, ...]) -> Iterator[tuple[str, str]]:
    record = found.record
    yield "run", record.run_id
    yield "job", f"{record.job} of {record.cluster_id}" + (f" from {record.backup_id}" if record.backup_id else "")
    if found.plan and found.plan.mode:
        yield "mode", found.plan.mode
    if found.plan and found.plan.replaced:
        yield "node", found.plan.replaced
    yield "started", moment(record.started_at)
    outcome = record.outcome
    if outcome:
        took = human_seconds((outcome.finished_at - outcome.started_at).total_seconds())
        yield "status", f"{outcome.status} in {took}, phase {outcome.phase}"
    else:
        yield "status", f"{record.status}, phase {record.progress.phase}{_counted(found)}"
    if found.approval:
        yield "approved", f"by {found.approval.approved_by} at {moment(found.approval.approved_at)}"
    if found.plan and found.plan.emergency:
        yield "emergency", f"backup {found.plan.emergency}"
    if outcome is None:
        for state in states:
            if line := waited_for(state):
                yield "now", line
            for node, words in said_of(state, record.progress).items():
                yield "", f"{node} says: {words}"
    if outcome and outcome.error:
        yield "error", f"[{outcome.error.code}] {outcome.error.message}"
    for warning in outcome.warnings if outcome else ():
        yield "warning", warning


def _counted(found: "ChangeStatus") -> str:
    progress = found.record.progress
    return f" ({progress.done} of {progress.total} {progress.unit})" if progress.total else ""


def _rows(found: "ChangeStatus", states: tuple[StepState, ...]) -> "Iterator[tuple[RenderableType, ...]]":
    for state in states:
        mark, style = MARKS[state.state]
        nodes = Text()
        for node, each in state.nodes.items():
            nodes.append(f"{node} ")
            nodes.append(f"{each}  ", style=MARKS[each][1])
        name = Text(state.step.name) + Text(" ← point of no return" if state.step.no_return else "", style="red")
        yield Text(mark, style=style), name, state.step.phase, nodes, _took(found.records, state.step.name)


def _took(records: "tuple[StepRecord, ...]", step: str) -> str:
    """From the first start to the last end, over all nodes and attempts."""
    mine = [record for record in records if record.step == step and not record.undo]
    ends = [record.at for record in mine if record.status != "started"]
    return human_seconds((max(ends) - min(record.started_at for record in mine)).total_seconds()) if ends else ""


def _failures(records: "tuple[StepRecord, ...]") -> "list[StepRecord]":
    """The last failure of each step on each node, unless a later attempt made it good."""
    ended = sorted((record for record in records if record.status != "started"), key=lambda each: each.attempt)
    last = {(record.step, record.node, record.undo): record for record in ended}
    return [record for record in last.values() if record.status == "failed"]


def _failure(record: "StepRecord") -> "Iterator[RenderableType]":
    doing = "taking back" if record.undo else "step"
    where = "" if record.node == "-" else f" on {record.node}"
    code = "" if record.exit_code is None else f", exit code {record.exit_code}"
    yield Text(f"{doing} {record.step}{where}, attempt {record.attempt}, {moment(record.at)}{code}", style="red")
    if record.error:
        yield f"  [{record.error.code}] {record.error.message}"
        if record.error.hint:
            yield f"  {record.error.hint}"


def next_steps(found: "ChangeStatus") -> Iterator[str]:
    """The commands that make sense now."""
    record = found.record
    if record.outcome is None:
        if record.question is not None:
            yield f"it {asked(record.run_id, record.question)}"
            yield f"it ends without a change by: holdfast restore abort {record.run_id}"
            return
        yield f"it is at work; holdfast run watch {record.run_id} follows it"
        if found.plan and not passed_no_return(found.plan, found.records):
            yield f"holdfast restore abort {record.run_id} takes back what it did"
        return
    if record.outcome.error and record.outcome.error.hint:
        yield record.outcome.error.hint
    elif record.outcome.status == "succeeded":
        if record.outcome.followed_by:
            yield f"a fresh backup has started: holdfast run watch {record.outcome.followed_by}"
        yield f"holdfast cluster check {record.cluster_id} looks at the members and nodes as they are now"


def passed_no_return(plan: "RestorePlan", records: "tuple[StepRecord, ...]") -> bool:
    """Whether a step may have begun after which the old data are no longer in place."""
    marked = {step.name for step in plan.steps if step.no_return}
    return any(record.step in marked and not record.undo for record in records)
