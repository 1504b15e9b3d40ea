"""Step Functions' error and cause, read back into our own error or into a code that says what it was."""

import json

import pytest

from holdfast.errors import (
    DamagedError,
    HoldfastError,
    InvalidInputError,
    PermanentError,
    RefusedError,
    TransientError,
)
from holdfast.handler import carried
from holdfast.planning.failure import error_of, phase_of


def cause_of(error: Exception) -> str:
    """What Lambda makes of an exception that leaves a handler, and Step Functions hands to a Catch."""
    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": ["…"]})


def test_our_own_error_comes_back_whole() -> None:
    error = carried(RefusedError("lease_held", "run x is at work", hint="wait"), "Started")
    info = error_of(type(error).__name__, cause_of(error))
    assert (info.code, info.family, info.message, info.hint) == ("lease_held", "refused", "run x is at work", "wait")
    assert phase_of(cause_of(error)) == "Started"


@pytest.mark.parametrize("family", [TransientError, PermanentError, InvalidInputError, DamagedError, RefusedError])
def test_the_family_comes_back_as_it_left(family: type[HoldfastError]) -> None:
    error = carried(family("a_code", "m"), "Started")
    assert error_of(type(error).__name__, cause_of(error)).family == family.family


@pytest.mark.parametrize(
    ("name", "cause", "code"),
    [
        ("States.Timeout", "", "phase_timeout"),
        ("Sandbox.Timedout", '{"errorMessage": "Task timed out after 900.00 seconds"}', "function_timeout"),
        ("Runtime.ExitError", '{"errorMessage": "Runtime exited with status -9"}', "function_killed"),
        ("Lambda.Unknown", "The cause could not be determined", "function_killed"),
        ("Execution.ABORTED", "", "run_aborted"),
        ("Execution.TIMED_OUT", "", "run_timeout"),
    ],
)
def test_what_happens_outside_our_code_has_a_code_too(name: str, cause: str, code: str) -> None:
    info = error_of(name, cause)
    assert info.code == code
    assert info.family == "permanent"
    assert phase_of(cause) == ""


@pytest.mark.parametrize("cause", ["", "not json", "[1, 2]", '{"errorMessage": 7}', '{"errorMessage": "boom"}'])
def test_anything_else_is_unclassified_and_permanent(cause: str) -> None:
    info = error_of("KeyError", cause)
    assert (info.code, info.family) == ("unclassified", "permanent")
    assert "KeyError" in info.message
