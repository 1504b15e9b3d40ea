"""Steps on nodes, moved on by one look each: the loop around them is the state machine's, which also sleeps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel, ValidationError

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.command import Command, CommandResult
from holdfast.models.node import NodeStep, StepFailure
from holdfast.models.words import plain
from holdfast.planning import (
    node_failures,
    openshift_backup_failures,
    openshift_member_failures,
    restore_failures,
)
from holdfast.planning.naming import step_key
from holdfast.transports.base import Running, Transport

# A node that restarts in the middle of its work is away for minutes; one that is away for longer is a failure to tell.
AWAY = timedelta(minutes=10)
# A first look waits for nobody that long: a backup goes on without a node that is down.
MISSES = 3
# How long a step may outlive its own limit on the node before it is given up from here: Systems Manager alone may take
# two minutes to bring a command there.
GRACE = timedelta(minutes=5)
ATTEMPTS = 3
_MEANINGS = (
    node_failures.FAILURES
    | restore_failures.FAILURES
    | openshift_backup_failures.FAILURES
    | openshift_member_failures.FAILURES
)
# A look is a function's, which may take five minutes: a node that hangs can keep it for nearly two by itself.
LOOK = timedelta(seconds=45)


@dataclass
class Looked:
    """What one look at several steps gave, by node: `waiting` goes on, the others are over."""

    waiting: list[NodeStep] = field(default_factory=list)
    done: dict[str, CommandResult] = field(default_factory=dict)
    failed: dict[str, HoldfastError] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)


def first_step(node: str, run_id: str, phase: str, name: str, now: datetime, *, attempt: int = 1) -> NodeStep:
    return NodeStep(node=node, key=step_key(run_id, phase, name, attempt), since=now, attempt=attempt)


def look(
    transport: Transport,
    steps: tuple[NodeStep, ...],
    command_of: Callable[[str], Command],
    now: datetime,
    *,
    patient: bool = True,
    clock: Callable[[], datetime] | None = None,
) -> Looked:
    """Start or look at each step. A node that is away is waited for; an error that lasts is the node's, not ours.

    `patient` waits for AWAY, as work that has begun deserves; else MISSES in a row are enough. With a `clock`, a look
    ends after LOOK; the steps that it did not come to are first at the next one.
    """
    looked = Looked()
    for number, step in enumerate(steps):
        if clock and clock() - now > LOOK:
            looked.waiting[:0] = steps[number:]
            break
        command = command_of(step.node)
        try:
            if step.replaces and not step.handle:
                transport.cancel(step.node, step.replaces)
            answer = transport.run(step.node, step.key, command, step.handle)
        except TransientError as error:
            _missed(looked, step, error, now, patient=patient)
        except HoldfastError as error:
            looked.failed[step.node] = error
        else:
            if isinstance(answer, CommandResult):
                looked.done[step.node] = answer
            elif now - step.since > timedelta(seconds=command.timeout_s) + GRACE:
                transport.cancel(step.node, step.key)
                looked.failed[step.node] = _too_long(step, command)
            else:
                looked.running[step.node] = answer
                looked.waiting.append(
                    step.model_copy(update={"handle": answer.handle, "misses": 0, "away_since": None})
                )
    return looked


def _missed(looked: Looked, step: NodeStep, error: TransientError, now: datetime, *, patient: bool) -> None:
    """Lost steps are started anew by the next look, under the same key; a node that is away is asked again."""
    away_since = step.away_since or now
    given_up = now - away_since > AWAY if patient else step.misses + 1 >= MISSES
    if step.misses and given_up:
        looked.failed[step.node] = error
        return
    handle = "" if error.code == "node_step_lost" else step.handle
    changes = {"handle": handle, "misses": step.misses + 1, "away_since": away_since}
    looked.waiting.append(step.model_copy(update=changes))


def _too_long(step: NodeStep, command: Command) -> PermanentError:
    return PermanentError(
        "node_step_timeout",
        f"{step.node}: the step did not end within {command.timeout_s} s and was stopped",
        hint="Look at the node's load and disk; the step's own output is gone with it.",
    )


def report_of[R: BaseModel](node: str, result: CommandResult, kind: type[R]) -> R:
    """The line of JSON that a script of ours ends with; the script's own failure as one of our errors.

    PermanentError `node_output_truncated`, `node_output_unreadable`, `node_step_timeout`, `node_script_failed`, and
    what planning/node_failures.py makes of the script's code.
    """
    if result.truncated:
        raise PermanentError("node_output_truncated", f"{node}: the script's answer arrived without its end")
    if result.exit_code == 124:
        raise PermanentError("node_step_timeout", f"{node}: the step ran into its time limit", hint=_last(result))
    failed = result.exit_code != 0
    try:
        said: R | StepFailure = (StepFailure if failed else kind).model_validate_json(result.stdout)
    except (ValueError, ValidationError):
        code = "node_script_failed" if failed else "node_output_unreadable"
        text = f"{node}: exit code {result.exit_code} and no answer of ours"
        raise PermanentError(code, text, hint=_last(result)) from None
    if isinstance(said, StepFailure):
        family, hint = _MEANINGS.get(said.code, (PermanentError, ""))
        raise family(said.code, f"{node}: {said.message}", hint=hint or _last(result))
    return said


def _last(result: CommandResult) -> str:
    """The last line that a tool on the node said."""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    return f"The node said: {plain(lines[-1].strip(), 300)}" if lines else ""
