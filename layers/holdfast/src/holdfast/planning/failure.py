"""What a caught error of a state machine means. Step Functions hands over a name and a cause; nobody else reads
them."""

import json

from holdfast.errors import DamagedError, InvalidInputError, PermanentError, RefusedError, TransientError
from holdfast.models.run import ErrorInfo

_FAMILIES = {
    each.__name__: each.family
    for each in (TransientError, PermanentError, InvalidInputError, DamagedError, RefusedError)
}
# Names that Step Functions or Lambda give to what happened outside our own code (Step Functions developer guide,
# "Error names"; Runtime.ExitError and Sandbox.Timedout are Lambda's own).
OUTSIDE = {
    "States.Timeout": (
        "phase_timeout",
        "a phase took longer than its timeout",
        "run the backup again; a larger database may need more time than a Lambda function has",
    ),
    "Sandbox.Timedout": (
        "function_timeout",
        "a function ran into its time limit",
        "run the backup again; a larger database may need more time than a Lambda function has",
    ),
    "Runtime.ExitError": (
        "function_killed",
        "a function was stopped in the middle",
        "run the backup again; nothing of the broken one is left",
    ),
    "Runtime.OutOfMemory": (
        "function_killed",
        "a function ran out of memory",
        "raise MemorySize of the function in template.yaml",
    ),
    "Lambda.Unknown": (
        "function_killed",
        "a function was stopped in the middle",
        "run the backup again; nothing of the broken one is left",
    ),
    "States.DataLimitExceeded": (
        "input_too_large",
        "the input is larger than a state of Step Functions may be",
        'the input of a backup is {"cluster": "ID"}',
    ),
    "Execution.ABORTED": ("run_aborted", "somebody stopped the execution", ""),
    "Execution.TIMED_OUT": ("run_timeout", "the whole run took longer than the state machine allows", ""),
}


def error_of(name: str, cause: str) -> ErrorInfo:
    """The operator's view of an error name and cause; `unclassified` for what nobody knows, and that is permanent."""
    message = _lambda_message(cause)
    ours = _as_object(message)
    if "code" in ours and "message" in ours:
        return ErrorInfo(
            code=str(ours["code"]),
            family=_FAMILIES.get(name, PermanentError.family),
            message=str(ours["message"]),
            hint=str(ours.get("hint", "")),
        )
    if name in OUTSIDE:
        code, text, hint = OUTSIDE[name]
        return ErrorInfo(code=code, family=PermanentError.family, message=text, hint=hint)
    return ErrorInfo(
        code="unclassified",
        family=PermanentError.family,
        message=f"{name}: {message}"[:500],
        hint="the log group of the function of this phase has the stack trace",
    )


def phase_of(cause: str) -> str:
    """The phase that our own boundary wrote into the message, empty for errors from outside."""
    return str(_as_object(_lambda_message(cause)).get("phase", ""))


def _lambda_message(cause: str) -> str:
    return str(_as_object(cause).get("errorMessage", cause))


def _as_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
