"""crictl on a host: ps, pods, exec, images, inspect and logs, with the words of the real one."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from holdfast.local.machines.openshift.runtime import LOGS, PATH, Container, containers

_AWAY = (
    "connect: connect endpoint 'unix:///var/run/crio/crio.sock', make sure you are running as root and the endpoint "
    "has been started: context deadline exceeded"
)
_FLAGS = ("-q", "--quiet", "-a", "--all", "--no-trunc", "-i", "-t", "--interactive", "--tty", "-s", "--sync")
_VALUES = ("--name", "--label", "--state", "--namespace", "--pod", "-o", "--output", "--timeout", "--tail", "-p")
_HELP = """OPTIONS:
   --all, -a      Show all
   --label value  Filter by key=value label
   --name value   filter by name
   --quiet, -q    Only display IDs
"""


def fatal(words: str) -> NoReturn:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sys.stderr.write(f'time="{at}" level=fatal msg="{words}"\n')
    raise SystemExit(1)


def options(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """By their long or short name as given, and what follows the last option."""
    found: dict[str, list[str]] = {}
    while words and words[0].startswith("-"):
        name, _, value = words.pop(0).partition("=")
        if name in ("-h", "--help"):
            sys.stdout.write(_HELP)
            raise SystemExit(0)
        if name in _VALUES:
            found.setdefault(name, []).append(value or words.pop(0))
        elif name in _FLAGS:
            found[name] = [value or "true"]
        else:
            fatal(f"flag provided but not defined: {name}")
    return found, words


def chosen(given: dict[str, list[str]], *, every: bool) -> list[Container]:
    """`--name` is a regular expression that may match anywhere; labels have to be there, all of them."""
    wanted = [each.partition("=")[::2] for each in given.get("--label", [])]
    shown = []
    for each in containers():
        if not every and not each.runs:
            continue
        if not all(re.search(name, each.name) for name in given.get("--name", [])):
            continue
        if not all(each.labels.get(key) == value for key, value in wanted):
            continue
        if all(re.search(name, each.namespace) for name in given.get("--namespace", [])):
            shown.append(each)
    return shown


def ps(words: list[str]) -> None:
    given, _ = options(words)
    every = bool({"-a", "--all"} & given.keys()) or "Exited" in given.get("--state", [])
    found = chosen(given, every=every)
    if {"-q", "--quiet"} & given.keys():
        sys.stdout.write("".join(f"{each.id}\n" for each in found))
    elif "json" in given.get("-o", []) + given.get("--output", []):
        sys.stdout.write(json.dumps({"containers": [_as_json(each) for each in found]}) + "\n")
    else:
        _table(("CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID", "POD"), [_row(c) for c in found])


def _row(each: Container) -> tuple[str, ...]:
    state = "Running" if each.runs else "Exited"
    return each.id[:13], each.image[-20:], "2 minutes ago", state, each.name, str(each.attempt), each.uid[:13], each.pod


def _as_json(each: Container) -> dict[str, object]:
    state = "CONTAINER_RUNNING" if each.runs else "CONTAINER_EXITED"
    named = {"name": each.name, "attempt": each.attempt}
    return {"id": each.id, "metadata": named, "image": {"image": each.image}, "state": state, "labels": each.labels}


def pods(words: list[str]) -> None:
    given, _ = options(words)
    given["--label"] = given.get("--label", [])
    names = given.pop("--name", [])
    found = {each.uid: each for each in chosen(given, every=False)}.values()
    shown = [each for each in found if all(re.search(name, each.pod) for name in names)]
    if {"-q", "--quiet"} & given.keys():
        sys.stdout.write("".join(f"{each.uid}\n" for each in shown))
    else:
        rows = [(each.uid[:13], "2 minutes ago", "Ready", each.pod, each.namespace, "0") for each in shown]
        _table(("POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    for row in [head, *rows]:
        sys.stdout.write("  ".join(f"{cell:<20}" for cell in row).rstrip() + "\n")


def execute(words: list[str]) -> None:
    _, (wanted, *argv) = options(words)
    found = [each for each in containers() if each.id.startswith(wanted) and each.runs]
    if not found:
        fatal(
            f'execing command in container: rpc error: code = NotFound desc = could not find container \\"{wanted}\\"'
        )
    if _fault() == "silent":
        return
    env = [f"PATH={PATH}", *(f"{name}={value}" for name, value in found[0].env.items())]
    inside = ["nsenter", "-t", str(found[0].pid), "-m", "-r", "-w", "/usr/bin/env", "-i", *env, *argv]
    done = subprocess.run(inside, check=False)  # noqa: S603 - what crictl was asked to run
    if done.returncode:
        fatal(f"execing command in container: command terminated with exit code {done.returncode}")


def images(words: list[str]) -> None:
    options(words)
    rows = [tuple(line.rpartition("@")[::2]) for line in Path("/var/lib/images").read_text().split()]
    _table(("IMAGE", "IMAGE ID"), rows)


def inspect(words: list[str]) -> None:
    _, (wanted, *_) = options(words)
    found = [each for each in containers() if each.id.startswith(wanted)]
    if not found:
        fatal(f'getting the status of the container \\"{wanted}\\": rpc error: code = NotFound')
    sys.stdout.write(json.dumps({"status": _as_json(found[0]), "info": {"pid": found[0].pid}}) + "\n")


def logs(words: list[str]) -> None:
    _, (wanted, *_) = options(words)
    for each in [each for each in containers() if each.id.startswith(wanted)][:1]:
        sys.stdout.write((LOGS / f"{each.pod}_{each.namespace}_{each.name}.log").read_text(errors="replace"))


def _fault() -> str:
    path = Path("/run/crictl.fault")
    return path.read_text().strip() if path.exists() else ""


def main() -> None:
    verb, *words = sys.argv[1:] or [""]
    if verb in ("--version", "version"):
        sys.stdout.write("crictl version v1.31.0\n")
        return
    if os.geteuid() != 0 or _fault() == "down":
        fatal(_AWAY)
    verbs = {"ps": ps, "pods": pods, "exec": execute, "images": images, "inspect": inspect, "logs": logs}
    if verb not in verbs:
        fatal(f'unknown command \\"{verb}\\" for \\"crictl\\"')
    verbs[verb](words)


if __name__ == "__main__":
    main()
