"""The boundary of every Lambda function: the event is parsed, the work is called, an error leaves in one of our
families.

Step Functions matches errors by the name of the exception's class, so exactly the family's name leaves here
(`TransientError`, `RefusedError`, …), with the code, the message, the hint and the phase as JSON in its message.
What nobody classified leaves as `PermanentError`: an unknown error is never retried.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from holdfast.engine.services import Services
from holdfast.errors import (
    DamagedError,
    HoldfastError,
    InvalidInputError,
    PermanentError,
    RefusedError,
    TransientError,
)
from holdfast.models.run import Outcome
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

logger = Logger(service="holdfast")
# Calls of AWS alone: a trace keeps URLs, and those of webhooks and of parts are secrets.
tracer = Tracer(service="holdfast", patch_modules=("botocore",))
metrics = Metrics(namespace="Holdfast", service="holdfast")

_FAMILIES = (TransientError, DamagedError, InvalidInputError, RefusedError, PermanentError)

type Work[E: BaseModel] = Callable[[E, Services], BaseModel | None]
type Handler = Callable[[dict[str, Any], LambdaContext], Any]


class RunEnded(Exception):  # noqa: N818 - no error of the function that says so
    """A run has failed and was told: its execution fails with these words."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.run_id)
        self._outcome = outcome

    def as_error(self) -> Exception:
        """Step Functions shows the name of the class as the error: that is the outcome's code."""
        error = self._outcome.error
        if error is None:
            return PermanentError("unclassified", f"{self._outcome.run_id} ended without an error")
        named: type[Exception] = type(error.code, (Exception,), {})
        return named(f"{error.message}. {error.hint}")


@cache
def settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def _services() -> AwsServices:
    """One per execution environment: clients and their connections are kept between invocations."""
    return AwsServices(settings())


def state[E: BaseModel](phase: str, event_type: type[E]) -> Callable[[Work[E]], Handler]:
    """Make a handler of `work(event, services)`: `phase` is the state's name, its event must parse as `event_type`."""

    def decorate(work: Work[E]) -> Handler:
        @logger.inject_lambda_context(clear_state=True)
        @tracer.capture_lambda_handler(capture_response=False)
        @metrics.log_metrics
        @wraps(work)
        def handle(event: dict[str, Any], _context: LambdaContext) -> Any:
            try:
                result = work(parse(event_type, event), _services())
            except RunEnded as ended:
                raise ended.as_error() from None
            except Exception as error:
                # The one place where an exception becomes an outcome.
                known = known_error(error)
                logger.exception(known.message, extra={"code": known.code, "family": known.family, "phase": phase})
                metrics.add_metric(name=f"{phase}Failed", unit=MetricUnit.Count, value=1)
                raise carried(known, phase) from None
            metrics.add_metric(name=f"{phase}Done", unit=MetricUnit.Count, value=1)
            return None if result is None else result.model_dump(mode="json")

        handler: Handler = handle
        return handler

    return decorate


def write_metrics(documents: Iterable[Mapping[str, Any]]) -> None:
    """CloudWatch takes metrics from lines of the log (planning/metrics.py): no call, no right, nothing to wait for."""
    for document in documents:
        print(json.dumps(document), flush=True)  # noqa: T201 - standard output is the function's log


def parse[E: BaseModel](event_type: type[E], event: object) -> E:
    """InvalidInputError `input_invalid` names the fields that are off and why; never their values."""
    try:
        return event_type.model_validate(event)
    except ValidationError as error:
        raise _invalid_input(error) from error


def _invalid_input(error: ValidationError) -> InvalidInputError:
    fields = "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'input'}: {each['msg']}" for each in error.errors(include_input=False)
    )
    hint = "events/ has samples of what may be typed: console-backup.json, console-restore.json"
    return InvalidInputError("input_invalid", fields[:1000], hint=hint)


def known_error(error: Exception) -> HoldfastError:
    """Unknown means permanent."""
    if isinstance(error, HoldfastError):
        return error
    text = f"{type(error).__name__}: {error}"[:500]
    return PermanentError("unclassified", text, hint="the function's log has the stack trace")


def carried(error: HoldfastError, phase: str) -> HoldfastError:
    """The same error as its family's own class, with everything that the state Failed needs in its message."""
    family = next(each for each in _FAMILIES if isinstance(error, each))
    outward = family(error.code, error.message, hint=error.hint)
    text = {"code": error.code, "message": error.message[:2000], "hint": error.hint, "phase": phase}
    outward.args = (json.dumps(text, ensure_ascii=False),)
    return outward
