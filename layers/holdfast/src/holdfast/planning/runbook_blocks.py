"""Blocks of a runbook, to be pasted into a shell: literal values, in a subshell, so that a stop leaves the terminal."""

import shlex
from collections.abc import Iterator

from holdfast import node
from holdfast.models.restore import NodeCommand, RestoreStep

# Where a person puts the functions, the snapshot and the bundle on a node; the bodies of drivers name it too.
HAND = "/root/holdfast"


def code(text: str) -> str:
    return f"```sh\n{text.rstrip()}\n```"


def block(command: NodeCommand, body: str) -> str:
    """A script with its variables, after the functions that all of them share."""
    values = "".join(f"{name}={shlex.quote(value)}\n" for name, value in command.values.items())
    return f"# on {command.node}, as root\n(\n. {HAND}/functions.sh\n{values}\n{body.rstrip()}\n)"


def body_of(step: RestoreStep) -> str:
    return step.by_hand or node.by_hand(step.script)


def blocks_of(step: RestoreStep) -> Iterator[str]:
    """One for each node, each under the node's name."""
    body = body_of(step)
    for command in step.commands:
        yield f"**{command.node}**"
        yield code(block(command, body))


def undo_blocks_of(step: RestoreStep) -> Iterator[str]:
    body = node.by_hand(step.undo)
    for command in step.commands:
        yield f"**{command.node}**"
        yield code(block(command, body))
