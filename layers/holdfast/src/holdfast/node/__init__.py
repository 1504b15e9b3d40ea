"""The scripts that run on nodes: POSIX sh, whatever the shell; data files here, programs there."""

from functools import cache
from importlib import resources


@cache
def script(name: str) -> str:
    """The text of `<name>.sh` in this folder."""
    return resources.files(__name__).joinpath(f"{name}.sh").read_text(encoding="utf-8")


@cache
def program(name: str) -> str:
    """A script with the functions in front that it shares with others: what a `Command` carries."""
    return script("common") + script("containers") + script(name)


@cache
def question(name: str) -> str:
    """The same for a script that only looks and prints sections (frames.sh)."""
    return script("frames") + script("containers") + script(name)
