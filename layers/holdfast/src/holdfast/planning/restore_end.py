"""Why a restore failed and what to do now: the words that an operator reads first."""

import json

from holdfast.models.restore import Change
from holdfast.models.run import CaughtError, ErrorInfo
from holdfast.planning.failure import OUTSIDE, error_of, phase_of

_DECLINED = "Holdfast.Declined"


def innermost(caught: CaughtError) -> CaughtError:
    """The error of a nested execution, which startExecution.sync wraps in a description of that execution."""
    try:
        told = json.loads(caught.cause)
    except ValueError:
        return caught
    if not isinstance(told, dict) or "ExecutionArn" not in told:
        return caught
    inner = {
        "Error": str(told.get("Error") or f"Execution.{told.get('Status', '')}"),
        "Cause": str(told.get("Cause") or ""),
    }
    return innermost(CaughtError.model_validate(inner))


def caught_error(caught: CaughtError, phase: str = "") -> ErrorInfo:
    inner = innermost(caught)
    if inner.name == _DECLINED:
        return ErrorInfo(code="approval_declined", family="refused", message=inner.cause[:500])
    if inner.name == "States.Timeout" and phase == "Approval":
        return ErrorInfo(code="approval_timeout", family="refused", message="nobody approved the plan in time")
    error = error_of(inner.name, inner.cause)
    # What is known of failures from outside tells what to do about a backup; `advice` knows it for a restore.
    return error.model_copy(update={"hint": ""}) if inner.name in OUTSIDE else error


def failed_phase(caught: CaughtError) -> str:
    return phase_of(innermost(caught).cause)


def at_step(error: ErrorInfo, step: str) -> ErrorInfo:
    """What comes from outside names no step: nobody who stops an execution knows at which one it is."""
    if not step or "the step" in error.message:
        return error
    return error.model_copy(update={"message": f"{error.message}, at the step {step}"})


def advice(
    error: ErrorInfo, job: Change, run_id: str, *, begun: bool, past: bool, taken_back: bool, half: bool
) -> ErrorInfo:
    """The error with what is true now, and the command that comes next. `half`: it was begun to take the run back, so
    that it cannot be resumed any more."""
    again = "start another replacement" if job == "replace-member" else "start another run"
    if not begun:
        now = "Nothing was changed."
    elif taken_back:
        now = f"What was done is taken back: the cluster is as it was; mend the cause and {again}."
    elif past:
        now = f"The old data are kept on the nodes. Mend the cause, then: holdfast restore resume {run_id}"
    elif half:
        now = f"Not all is taken back. Mend the cause, then: holdfast restore abort {run_id}"
    else:
        now = f"Go on: holdfast restore resume {run_id}; or take it back: holdfast restore abort {run_id}"
    return error.model_copy(update={"hint": f"{error.hint.rstrip()} {now}".strip()})
