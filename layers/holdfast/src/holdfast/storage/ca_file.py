"""A store's authority as a file, which is all that botocore takes. It is read anew for every connection, so it stays
until this process ends."""

import hashlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

_writing = Lock()


@cache
def _folder() -> TemporaryDirectory[str]:
    """Ours alone; Python removes it when the process ends."""
    return TemporaryDirectory(prefix="holdfast-ca-")


def ca_file(pem: str) -> str:
    """The path of a file with `pem`, the same for the same text."""
    with _writing:
        path = Path(_folder().name) / f"{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem"
        if not path.exists():
            half = path.with_suffix(".new")
            half.touch(mode=0o600)
            half.write_text(pem, encoding="ascii")
            half.replace(path)
        return str(path)
