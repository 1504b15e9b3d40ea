"""The scripts that run on nodes: POSIX sh, whatever the shell; data files here, programs there."""

from functools import cache
from importlib import resources


@cache
def script(name: str) -> str:
    """The text of `<name>.sh` in this folder."""
    return resources.files(__name__).joinpath(f"{name}.sh").read_text(encoding="utf-8")


# What goes between the functions of every program and the program itself.
_SHARED = {
    "snapshot": ("sending",),
    "bundle": ("certificates",),
    "openshift_backup": ("openshift", "sending"),
    "openshift_bundle": ("certificates",),
}


@cache
def program(name: str) -> str:
    """A script with the functions in front that it shares with others: what a `Command` carries."""
    shared = ("common", "containers", *_SHARED.get(name, ()))
    return "".join(script(each) for each in (*shared, name))


@cache
def question(name: str) -> str:
    """The same for a script that only looks and prints sections (frames.sh)."""
    return script("frames") + script("containers") + script(name)


@cache
def survey(name: str) -> str:
    """A question about a host as a whole, with what all surveys ask in front; OpenShift's has its functions too."""
    shared = script("frames") + script("host")
    return (shared + script("openshift") if name.startswith("openshift") else shared) + script(name)


@cache
def change(name: str) -> str:
    """A script of restore/, which changes a control plane: what a `Command` carries."""
    return script("common") + _functions(name) + script("download") + script(f"restore/{name}")


@cache
def by_hand_functions(driver: str = "") -> str:
    """What goes in front of `by_hand`, once for all of a runbook's scripts for hosts of that driver."""
    return _for_terminals(script("by_hand") + _functions(f"{driver}/"))


@cache
def by_hand(name: str) -> str:
    """A script of restore/ as a person runs it, after its variables, in a subshell. Not for those whose header says
    that they need common.sh."""
    return _for_terminals(script(f"restore/{name}"))


def _functions(name: str) -> str:
    """What scripts of restore/ share; those of OpenShift have more."""
    shared = script("containers") + script("restore")
    return shared + script("openshift") + script("openshift_restore") if name.startswith("openshift/") else shared


def _for_terminals(text: str) -> str:
    """A tab that is pasted into a shell completes a word; and what is for shellcheck is not for people."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("# shellcheck")]
    return "".join(f"{line}\n" for line in lines).replace("\t", "    ")
