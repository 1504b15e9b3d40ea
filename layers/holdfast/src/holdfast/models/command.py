"""A command for a node, and how it ended. Values: what renders and runs them is a transport."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

# Systems Manager keeps this much of a command's output; every transport keeps to it, so that all behave alike.
STDOUT_LIMIT = 22_000
STDERR_LIMIT = 1_800


@dataclass(frozen=True)
class Command:
    """A POSIX sh script and its variables. `script` is ours and holds no value; `values` are quoted when they are
    rendered; `secrets` reach the script as variables too, by a way that leaves no trace. `timeout_s` bounds the run on
    the node, which ends it there (exit code 124)."""

    script: str
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    timeout_s: int = 60


@dataclass(frozen=True)
class CommandResult:
    """How a command ended. `stdout` is the first STDOUT_LIMIT bytes, `stderr` the last STDERR_LIMIT; `truncated` says
    that some of stdout is missing."""

    exit_code: int
    stdout: str
    stderr: str = ""
    truncated: bool = False
