"""A machine for tests (holdfast.local.machines): it lets in the tests' key, and where none can be it skips the test."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.ssh_keys import CLIENT
from holdfast.local.machines.machine import USER, Machine, Sudo
from holdfast.local.machines.machine import why_no_machines as why_no_nodes

__all__ = ["USER", "Node", "Sudo", "need_nodes", "node_behind_jump_host", "why_no_nodes"]


def need_nodes() -> None:
    if why := why_no_nodes():
        pytest.skip(why)


class Node(Machine):
    """`with Node(folder, "n1") as node:` is a machine that is up."""

    def __init__(self, folder: Path, name: str, **options: Any) -> None:
        need_nodes()
        super().__init__(folder, name, CLIENT.public, **options)


@contextlib.contextmanager
def node_behind_jump_host(folder: Path) -> Iterator[tuple[Node, Node]]:
    """(node, jump host). The node can be reached directly too: they share one loopback."""
    with Node(folder, "jump", forwarding=True, sudo="none") as jump, Node(folder, "n1") as node:
        yield node, jump
