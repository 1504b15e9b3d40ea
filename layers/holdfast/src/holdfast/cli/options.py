"""The options that every command has. They may stand before the command or after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

STACK = "holdfast"
NOTE = "Every command also takes -o human|json, --endpoint-url, --profile, --region, --stack and --debug."

_VALUED = ("--output", "--endpoint-url", "--profile", "--region", "--stack")
_FLAGS = ("--debug",)


class OutputFormat(StrEnum):
    human = "human"
    json = "json"


@dataclass(frozen=True)
class GlobalOptions:
    """None means that boto3 decides, as it does for every AWS tool: environment variables first, then the profile."""

    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None
    stack: str = STACK
    output: OutputFormat = OutputFormat.human
    debug: bool = False


def globals_first(arguments: Sequence[str]) -> list[str]:
    """The same arguments with the global options moved to the front, where the parser wants them."""
    moved, rest = _split(arguments)
    return [*moved, *rest]


def wants_json(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Known before the arguments are parsed, because an error of the parser itself must have the right form too."""
    moved, _ = _split(arguments)
    chosen = environment.get("HOLDFAST_OUTPUT", "")
    for at, argument in enumerate(moved):
        if argument in ("-o", "--output"):
            chosen = moved[at + 1] if at + 1 < len(moved) else ""
        elif argument.startswith("--output="):
            chosen = argument.removeprefix("--output=")
        elif argument.startswith("-o"):
            chosen = argument.removeprefix("-o").removeprefix("=")
    return chosen == OutputFormat.json


def wants_debug(arguments: Sequence[str]) -> bool:
    return "--debug" in _split(arguments)[0]


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    moved: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            rest += [argument, *waiting]
            break
        name, has_value, _ = argument.partition("=")
        attached = argument.startswith("-o") and argument != "-o"
        if argument in _FLAGS or attached or (has_value and name in _VALUED):
            moved.append(argument)
        elif argument in _VALUED or argument == "-o":
            moved += [argument, *waiting[:1]]
            waiting = waiting[1:]
        else:
            rest.append(argument)
    return moved, rest
