"""What a command is given: the global options, and the services behind them, connected when first asked for."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import typer

from holdfast.cli.options import GlobalOptions, OutputFormat

if TYPE_CHECKING:
    from holdfast.engine.services import Services


def _connect_to_aws(options: GlobalOptions) -> "Services":
    from holdfast.cli.connection import connect

    return connect(options)


def _ask(question: str) -> str:
    return str(typer.prompt(question, err=True))


def _attended() -> bool:
    return sys.stdin.isatty()


@dataclass
class Session:
    """One invocation. Tests give their own `connect`, a `sleep` that does not, and somebody who answers: `attended`
    says whether a person can be asked, `ask` asks on standard error."""

    connect: "Callable[[GlobalOptions], Services]" = _connect_to_aws
    sleep: Callable[[float], None] = time.sleep
    attended: Callable[[], bool] = _attended
    ask: Callable[[str], str] = _ask
    options: GlobalOptions = field(default_factory=GlobalOptions)

    @cached_property
    def services(self) -> "Services":
        return self.connect(self.options)

    @property
    def as_json(self) -> bool:
        return self.options.output is OutputFormat.json


def session_of(context: typer.Context) -> Session:
    return context.ensure_object(Session)
