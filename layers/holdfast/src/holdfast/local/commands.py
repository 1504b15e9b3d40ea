"""Runs a tool to its end: what it said is in the error, not on the terminal."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from holdfast.errors import PermanentError

SHOWN_LINES = 12


def run(
    command: Sequence[str], *, code: str, what: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Fails with `code` and the last lines of the output."""
    done = subprocess.run(  # noqa: S603 - callers pass fixed tools and paths of the project
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-SHOWN_LINES:])
        raise PermanentError(code, f"{what} failed (exit {done.returncode}):\n{tail}")


def uv() -> str:
    """uv from the environment that runs Holdfast, else from PATH. Fails with `uv_missing`."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise PermanentError("uv_missing", "uv was not found", hint="run `make setup`")
    return found


def python_3_13() -> str:
    """A Python 3.13: the one that runs now, else from PATH. Fails with `python_missing`."""
    if sys.version_info[:2] == (3, 13):
        return sys.executable
    found = shutil.which("python3.13")
    if found is None:
        raise PermanentError(
            "python_missing", "the embedded stack needs Python 3.13", hint="install it so that python3.13 is on PATH"
        )
    return found
