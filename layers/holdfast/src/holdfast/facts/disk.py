"""Free space, as `df -Pk` tells it (POSIX: 1024-byte blocks, one line per file system)."""

import re
from dataclasses import dataclass

from holdfast.facts.unreadable import unreadable

_LINE = re.compile(
    r"(?P<device>\S.*?)\s+(?P<blocks>\d{1,18})\s+(?P<used>-?\d{1,18})\s+(?P<free>-?\d{1,18})\s+(?:\d+%|-)\s+(?P<mount>/.*)"
)


@dataclass(frozen=True)
class FileSystem:
    """`free` is in bytes, never negative; two paths are on one file system when device and mount are the same."""

    device: str
    mount: str
    free: int


def read_df(what: str, line: str) -> FileSystem:
    """One line of the table; PermanentError `node_output_unreadable`."""
    found = _LINE.fullmatch(line.strip())
    if not found:
        raise unreadable(what, "df did not print its table")
    return FileSystem(device=found["device"], mount=found["mount"], free=max(0, int(found["free"])) * 1024)
