"""Blocks of a runbook, to be pasted into a shell: literal values, in a subshell, so that a stop leaves the terminal."""

import shlex
from collections.abc import Iterable, Iterator

from holdfast import node
from holdfast.models.restore import NodeCommand, RestoreStep

# Where a person puts the functions, the snapshot and the bundle on a node; the bodies of drivers name it too.
HAND = "/root/holdfast"


def code(text: str) -> str:
    return f"```sh\n{text.rstrip()}\n```"


def together(lines: Iterable[str]) -> str:
    """Lines that a shell reads whole before it begins: who asks for a password must not be given the next line."""
    return code("\n".join(("{", *lines, "}")))


def block(values: dict[str, str], where: str, body: str) -> str:
    """A script with its variables, after the functions that all of them share."""
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return code(f"# on {where}, as root\n(\n. {HAND}/functions.sh\n{lines}\n{body.rstrip()}\n)")


def blocks(commands: Iterable[NodeCommand], body: str) -> Iterator[str]:
    """Under the names of their nodes; nodes with the same variables have one block."""
    shared: dict[tuple[tuple[str, str], ...], list[NodeCommand]] = {}
    for command in commands:
        shared.setdefault(tuple(command.values.items()), []).append(command)
    for values, of in shared.items():
        names = [command.node for command in of]
        yield f"**{', '.join(names)}**"
        yield block(dict(values), names[0] if len(names) == 1 else f"each of {', '.join(names)}", body)


def blocks_of(step: RestoreStep) -> Iterator[str]:
    yield from blocks(step.commands, step.by_hand or node.by_hand(step.script))


def undo_blocks_of(step: RestoreStep) -> Iterator[str]:
    yield from blocks(step.commands, node.by_hand(step.undo))
