"""The boundary of every function: what goes in is parsed, what goes wrong leaves as one of our families."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast.engine.services import Services
from holdfast.errors import DamagedError, HoldfastError, InvalidInputError, PermanentError, RefusedError, TransientError
from holdfast.handler import Handler, state
from holdfast.models.run import ScheduleEvent

EVENT = {"cluster": "prod-1", "scheduled_time": "2026-11-20T15:43:00Z"}


@dataclass
class Context:
    """What Lambda gives a handler, as far as the logger looks at it."""

    function_name: str = "f"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:111111111111:function:f"
    aws_request_id: str = "request-1"


def handler_that(raises: Exception | None) -> Handler:
    @state("Test", ScheduleEvent)
    def handle(event: ScheduleEvent, _services: Services) -> ScheduleEvent:
        if raises is not None:
            raise raises
        return event

    return handle


def call(handler: Handler, event: dict[str, Any]) -> Any:
    return handler(event, Context())  # type: ignore[arg-type]


class SpecialError(RefusedError):
    """A class of its own, as an adapter may have."""


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (TransientError("a_code", "m", hint="h"), "TransientError"),
        (DamagedError("a_code", "m", hint="h"), "DamagedError"),
        (RefusedError("a_code", "m", hint="h"), "RefusedError"),
        (SpecialError("a_code", "m", hint="h"), "RefusedError"),
        (PermanentError("a_code", "m", hint="h"), "PermanentError"),
    ],
)
def test_an_error_leaves_under_the_name_of_its_family(error: HoldfastError, family: str) -> None:
    with pytest.raises(HoldfastError) as raised:
        call(handler_that(error), EVENT)
    assert type(raised.value).__name__ == family
    assert json.loads(str(raised.value)) == {"code": "a_code", "message": "m", "hint": "h", "phase": "Test"}


def test_what_nobody_classified_is_permanent_and_never_retried() -> None:
    with pytest.raises(PermanentError) as raised:
        call(handler_that(KeyError("x")), EVENT)
    assert type(raised.value) is PermanentError
    assert json.loads(str(raised.value))["code"] == "unclassified"


@pytest.mark.parametrize(
    "event", [{}, {"cluster": "../x", "scheduled_time": "2026-11-20T15:43:00Z"}, {**EVENT, "more": 1}]
)
def test_a_hostile_event_is_refused_before_any_work(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as raised:
        call(handler_that(AssertionError("work was called")), event)
    assert json.loads(str(raised.value))["code"] == "input_invalid"


def test_the_values_of_a_refused_event_are_not_repeated() -> None:
    with pytest.raises(InvalidInputError) as raised:
        call(handler_that(None), {"cluster": "-----BEGIN PRIVATE KEY-----", "scheduled_time": "x"})
    assert "BEGIN" not in str(raised.value)


def test_the_answer_is_plain_json() -> None:
    answer = call(handler_that(None), EVENT)
    assert json.loads(json.dumps(answer))["cluster"] == "prod-1"


def test_no_trace_keeps_the_url_of_a_request_that_is_not_awss() -> None:
    """X-Ray's patch of http.client notes URLs, and those of webhooks and presigned parts are secrets."""
    code = (
        "import http.client, botocore.client, holdfast.handler\n"
        "print(hasattr(http.client.HTTPConnection._send_request, '__wrapped__'),"
        " hasattr(botocore.client.BaseClient._make_api_call, '__wrapped__'))"
    )
    environment = dict(os.environ) | {"LAMBDA_TASK_ROOT": "/var/task", "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.stdout.split() == ["False", "True"]
