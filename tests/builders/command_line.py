"""`holdfast` as a function: the exit code and both streams of one invocation, over services of the test's choice."""

import io
import json
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from holdfast.cli.context import Session
from holdfast.cli.main import main
from holdfast.cli.options import GlobalOptions
from holdfast.engine.services import Services


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def value(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        return json.loads(self.stderr.splitlines()[-1])["error"]


def _nobody(question: str) -> str:
    raise AssertionError(f"nobody is here to be asked: {question}")


def holdfast(
    *arguments: str,
    services: Services | None = None,
    while_waiting: Iterable[Callable[[], object]] = (),
    person: Callable[[str], str] | None = None,
) -> Ended:
    """`while_waiting` are called in turn, one whenever the command line would sleep; it must not sleep more often.
    `person` answers questions; without one there is no terminal."""
    waiting = iter(while_waiting)

    def connect(_: GlobalOptions) -> Services:
        assert services is not None, "this command was not expected to connect"
        return services

    def sleep(_: float) -> None:
        next(waiting)()

    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = main(
            arguments, Session(connect=connect, sleep=sleep, attended=lambda: person is not None, ask=person or _nobody)
        )
    return Ended(code, stdout.getvalue(), stderr.getvalue())
