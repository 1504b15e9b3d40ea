"""What a command is given: the global options, and the services behind them, connected when first asked for."""

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


@dataclass
class Session:
    """One invocation. Tests give their own `connect` and a `sleep` that does not."""

    connect: "Callable[[GlobalOptions], Services]" = _connect_to_aws
    sleep: Callable[[float], None] = time.sleep
    options: GlobalOptions = field(default_factory=GlobalOptions)

    @cached_property
    def services(self) -> "Services":
        return self.connect(self.options)

    @property
    def as_json(self) -> bool:
        return self.options.output is OutputFormat.json


def session_of(context: typer.Context) -> Session:
    return context.ensure_object(Session)
