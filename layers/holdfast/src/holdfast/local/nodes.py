"""Machines for the embedded stack's Run Command: which instance ids it knows, and how to get into each.

Whoever may write below the stack's home decides what its commands run on; the files are the owner's alone.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from holdfast.errors import InvalidInputError
from holdfast.local.home import Home
from holdfast.models.cluster import InstanceId

# What Holdfast's own roles ask of a node before they may command it (template.yaml).
TAGS = {"holdfast": "node"}


def register(
    home: Home, instance_id: str, enter: Sequence[str], *, online: bool = True, tags: Mapping[str, str] = TAGS
) -> Path:
    """`<enter> PROGRAM ARGUMENTS` runs a program there as root, and fails when the machine is off.

    Registering again replaces; `online=False` is an agent that does not answer. InvalidInputError `instance_invalid`.
    """
    if not enter:
        raise InvalidInputError("instance_invalid", f"{instance_id}: without a way in, its commands would run here")
    path = _path(home, instance_id)
    home.nodes.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"enter": list(enter), "online": online, "tags": dict(tags)})
    # Replaced in one step, for a reader in another process.
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)
    return path


def forget(home: Home, instance_id: str) -> None:
    """From now on it is an invalid instance id, as one that was terminated."""
    _path(home, instance_id).unlink(missing_ok=True)


def _path(home: Home, instance_id: str) -> Path:
    try:
        TypeAdapter(InstanceId).validate_python(instance_id)
    except ValidationError as error:
        raise InvalidInputError(
            "instance_invalid", f"{instance_id!r} is no instance id (i-… or mi-…, 8 to 17 hexadecimal digits)"
        ) from error
    return home.nodes / f"{instance_id}.json"
