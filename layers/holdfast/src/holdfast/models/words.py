"""Text that a program on a node said, as it may be shown anywhere."""

import re
from typing import Annotated

from pydantic import AfterValidator

# Words of a program on a node, and how many of them: they end in outcomes, in messages and on terminals.
WORDS_LIMIT, LINES_LIMIT = 400, 12
# As in the URL of a proxy, which programs repeat when they cannot read it.
_PASSWORD = re.compile(r"://[^/\s]*@")


def plain(text: str, limit: int = WORDS_LIMIT) -> str:
    """What may be shown anywhere: no control characters, no line ends, no password of a URL, and no more than `limit`
    characters."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return _PASSWORD.sub("://***@", shown)[:limit]


Words = Annotated[str, AfterValidator(plain)]
Lines = Annotated[tuple[Words, ...], AfterValidator(lambda lines: lines[:LINES_LIMIT])]
