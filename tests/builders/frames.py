"""Sections as node/frames.sh prints them, for outputs that no test node can give."""

import base64
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from holdfast.errors import PermanentError
from holdfast.models.command import CommandResult

FACTS = Path(__file__).parents[1] / "data" / "facts"


def printed(name: str, sections: Mapping[str, str], *, packed: bool = False) -> CommandResult:
    body = "".join(f"== {each} {len(text)}\n{text}\n" for each, text in sections.items())
    if not packed:
        return CommandResult(exit_code=0, stdout=f"{name} plain {len(body)}\n{body}")
    line = base64.b64encode(gzip.compress(body.encode())).decode()
    return CommandResult(exit_code=0, stdout=f"{name} gzip {len(body)}\n{line}\n")


def captured(name: str) -> CommandResult:
    """tests/data/facts/survey/<name>.txt."""
    return CommandResult(exit_code=0, stdout=(FACTS / "survey" / f"{name}.txt").read_text())


def outcome(parser: Callable[[str], Any], text: str) -> str:
    """ "read", or the code of the PermanentError that a parser raised."""
    try:
        parser(text)
    except PermanentError as error:
        return error.code
    return "read"
