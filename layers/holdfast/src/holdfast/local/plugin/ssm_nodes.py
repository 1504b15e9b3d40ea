"""The machines that Run Command may use: what local/nodes.py wrote down for them, read anew at each look."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_INSTANCE = re.compile(r"m?i-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class ManagedNode:
    """`enter` goes before a program's arguments to run it there as root. `online` is the agent's state, not the
    machine's."""

    instance: str
    enter: tuple[str, ...]
    online: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


def managed_node(folder: Path, instance: str) -> ManagedNode | None:
    """None for an id that nobody registered: nothing runs on this machine itself."""
    if not _INSTANCE.fullmatch(instance):
        return None
    try:
        fields = json.loads((folder / f"{instance}.json").read_text())
    except FileNotFoundError:
        return None
    return ManagedNode(instance, tuple(fields["enter"]), fields["online"], fields["tags"])
