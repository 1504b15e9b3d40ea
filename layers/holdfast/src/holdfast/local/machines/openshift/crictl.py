"""crictl on a host: ps, pods, exec, images, inspect and logs, with the words of the real one.

Scripts start it often, so it imports nothing that takes its time: no json, no regular expressions but where one is
needed, no subprocess.
"""

# ruff: noqa: PTH112, PTH123, PTH208, S606 - see above
import os
import sys

from holdfast.local.machines.openshift.processes import PATH, running

_AWAY = (
    "connect: connect endpoint 'unix:///var/run/crio/crio.sock', make sure you are running as root and the endpoint "
    "has been started: context deadline exceeded"
)
_RECORDS = "/run/containers"
_FLAGS = ("-q", "--quiet", "-a", "--all", "--no-trunc", "-i", "-t", "--interactive", "--tty", "-s", "--sync")
_VALUES = ("--name", "--label", "--state", "--namespace", "--pod", "-o", "--output", "--timeout", "--tail", "-p")
_HELP = """OPTIONS:
   --all, -a      Show all
   --label value  Filter by key=value label
   --name value   filter by name
   --quiet, -q    Only display IDs
"""

type Options = dict[str, list[str]]


class Shown:
    """One container, of its line."""

    def __init__(self, line: str) -> None:
        self.id, self.name, self.pod, self.namespace, self.uid, self.attempt, pid, self.image = line.split("\t")
        self.pid = int(pid)
        self.runs = running(self.pid)

    @property
    def labels(self) -> dict[str, str]:
        before = "io.kubernetes"
        pod = {f"{before}.pod.name": self.pod, f"{before}.pod.namespace": self.namespace, f"{before}.pod.uid": self.uid}
        return {f"{before}.container.name": self.name, **pod}


def fatal(words: str) -> None:
    sys.stderr.write(f'time="2026-11-21T15:43:00Z" level=fatal msg="{words}"\n')
    raise SystemExit(1)


def containers() -> list[Shown]:
    found = []
    for name in sorted(os.listdir(_RECORDS)) if os.path.isdir(_RECORDS) else []:
        if name.endswith(".line"):
            try:
                with open(f"{_RECORDS}/{name}") as file:
                    found.append(Shown(file.read()))
            except FileNotFoundError:
                continue
    return found


def options(words: list[str]) -> tuple[Options, list[str]]:
    """By their long or short name as given, and what follows the last option."""
    found: Options = {}
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


def matches(pattern: str, text: str) -> bool:
    """A regular expression that may match anywhere."""
    if pattern.startswith("^") and pattern.endswith("$") and pattern[1:-1].replace("-", "").isalnum():
        return pattern[1:-1] == text
    import re

    return re.search(pattern, text) is not None


def chosen(given: Options, *, every: bool) -> list[Shown]:
    """Labels have to be there, all of them."""
    wanted = [each.partition("=")[::2] for each in given.get("--label", [])]
    found = [each for each in containers() if every or each.runs]
    found = [each for each in found if all(matches(name, each.name) for name in given.get("--name", []))]
    found = [each for each in found if all(each.labels.get(key) == value for key, value in wanted)]
    return [each for each in found if all(matches(name, each.namespace) for name in given.get("--namespace", []))]


def quiet(given: Options) -> bool:
    return bool({"-q", "--quiet"} & given.keys())


def ps(words: list[str]) -> None:
    given, _ = options(words)
    every = bool({"-a", "--all"} & given.keys()) or "Exited" in given.get("--state", [])
    found = chosen(given, every=every)
    if quiet(given):
        sys.stdout.write("".join(f"{each.id}\n" for each in found))
    elif "json" in given.get("-o", []) + given.get("--output", []):
        sys.stdout.write(_json({"containers": [_whole(each) for each in found]}))
    else:
        head = ("CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID", "POD")
        _table([head, *(_row(each) for each in found)])


def _row(each: Shown) -> tuple[str, ...]:
    state = "Running" if each.runs else "Exited"
    return each.id[:13], each.image[-20:], "2 minutes ago", state, each.name, each.attempt, each.uid[:13], each.pod


def _whole(each: Shown) -> dict[str, object]:
    state = "CONTAINER_RUNNING" if each.runs else "CONTAINER_EXITED"
    named = {"name": each.name, "attempt": int(each.attempt)}
    return {"id": each.id, "metadata": named, "image": {"image": each.image}, "state": state, "labels": each.labels}


def _json(value: object) -> str:
    import json

    return json.dumps(value) + "\n"


def pods(words: list[str]) -> None:
    given, _ = options(words)
    names = given.pop("--name", [])
    found = {each.uid: each for each in chosen(given, every=False)}.values()
    shown = [each for each in found if all(matches(name, each.pod) for name in names)]
    if quiet(given):
        sys.stdout.write("".join(f"{each.uid}\n" for each in shown))
    else:
        rows = [(each.uid[:13], "2 minutes ago", "Ready", each.pod, each.namespace, "0") for each in shown]
        _table([("POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT"), *rows])


def _table(rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        sys.stdout.write("  ".join(f"{cell:<20}" for cell in row).rstrip() + "\n")


def named(wanted: str, *, doing: str) -> Shown:
    found = [each for each in containers() if each.id.startswith(wanted)]
    if not found:
        fatal(f'{doing}: rpc error: code = NotFound desc = could not find container \\"{wanted}\\"')
    return found[0]


def execute(words: list[str]) -> None:
    _, (wanted, *argv) = options(words)
    found = named(wanted, doing="execing command in container")
    if not found.runs:
        fatal("execing command in container: container is not running")
    if _fault() == "silent":
        return
    with open(f"/proc/{found.pid}/environ") as file:
        env = [each for each in file.read().split("\0") if "=" in each and not each.startswith("PATH=")]
    inside = ["nsenter", "-t", str(found.pid), "-m", "-r", "-w", "/usr/bin/env", "-i", f"PATH={PATH}", *env, *argv]
    status = os.spawnvp(os.P_WAIT, "nsenter", inside)
    if status:
        fatal(f"execing command in container: command terminated with exit code {status}")


def images(words: list[str]) -> None:
    options(words)
    with open("/var/lib/images") as file:
        rows = [tuple(line.rpartition("@")[::2]) for line in file.read().split()]
    _table([("IMAGE", "IMAGE ID"), *rows])


def inspect(words: list[str]) -> None:
    _, (wanted, *_) = options(words)
    found = named(wanted, doing="getting the status of the container")
    sys.stdout.write(_json({"status": _whole(found), "info": {"pid": found.pid}}))


def logs(words: list[str]) -> None:
    _, (wanted, *_) = options(words)
    each = named(wanted, doing="getting the logs of the container")
    with open(f"/var/log/containers/{each.pod}_{each.namespace}_{each.name}.log", errors="replace") as file:
        sys.stdout.write(file.read())


def _fault() -> str:
    try:
        with open("/run/crictl.fault") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


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
