"""Versions of tools, from the first line that they print when asked."""

import re
from collections.abc import Mapping

from holdfast.models.node import TOOLS

_VERSION = re.compile(r"\d{1,4}(?:\.\d{1,4}){1,3}[0-9A-Za-z.+~-]{0,30}", re.ASCII)


def tool_versions(lines: Mapping[str, str]) -> dict[str, str]:
    """The tools among TOOLS that are there, "" for one that tells no version (busybox, or an old tool)."""
    return {tool: version_in(lines[tool]) for tool in TOOLS if tool in lines}


def version_in(line: str) -> str:
    """The first thing that looks like a version: "7.88.1" of "curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1"."""
    found = _VERSION.search(line)
    return found[0].rstrip(".-+~") if found else ""
