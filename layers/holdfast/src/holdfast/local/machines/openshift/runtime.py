"""Containers as a host's runtime knows them: one file each, and a process with mounts of its own.

/run/containers/ID.json    a container: its pod, its labels, its process
/run/crictl.fault          may hold "down" (the runtime does not answer) or "silent" (exec does nothing, and well)
/run/kubelet/hold.NAME     while it is there, no container of that name is stopped
/run/kubelet/crash.NAME    while it is there, every container of that name ends as soon as it starts
"""

import json
import os
import subprocess
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from holdfast.local.machines.openshift.processes import PATH, running

RECORDS = Path("/run/containers")
KNOBS = Path("/run/kubelet")
LOGS = Path("/var/log/containers")
_START = Path(__file__).with_name("scripts") / "container.sh"


@dataclass(frozen=True)
class Container:
    """`pid` is that of its first process; `env` what exec gets too; `mounts` are (path on the host, path inside)."""

    id: str
    name: str
    pod: str
    namespace: str
    uid: str
    image: str
    attempt: int
    pid: int
    argv: tuple[str, ...]
    env: dict[str, str]
    mounts: tuple[tuple[str, str], ...]

    @property
    def runs(self) -> bool:
        """One whose parent has not looked yet has ended all the same."""
        return running(self.pid)


def started(container: Container) -> tuple[Container, "subprocess.Popen[bytes]"]:
    """With its process; it outlives this one."""
    argv, env = list(container.argv), [f"{name}={value}" for name, value in container.env.items()]
    if (KNOBS / f"crash.{container.name}").exists():
        argv = ["/bin/sh", "-c", "exit 1"]
    mounts = [path for pair in container.mounts for path in pair]
    root = f"/run/rootfs/{container.id}"
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{container.pod}_{container.namespace}_{container.name}.log").open("ab") as log:
        command = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-eu", str(_START)]
        command += [root, container.namespace, *mounts, "--", f"PATH={PATH}", *env, *argv]
        process = subprocess.Popen(  # noqa: S603 - what the pod says, in a machine of ours
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    running = Container(**{**asdict(container), "pid": process.pid})
    note(running)
    return running, process


def note(container: Container) -> None:
    RECORDS.mkdir(parents=True, exist_ok=True)
    path = RECORDS / f"{container.id}.json"
    path.with_suffix(".new").write_text(json.dumps(asdict(container)))
    path.with_suffix(".new").rename(path)
    each = container
    line = (each.id, each.name, each.pod, each.namespace, each.uid, str(each.attempt), str(each.pid), each.image)
    path.with_suffix(".new").write_text("\t".join(line))
    path.with_suffix(".new").rename(path.with_suffix(".line"))


def forget(container: Container) -> None:
    for suffix in ("line", "json"):
        (RECORDS / f"{container.id}.{suffix}").unlink(missing_ok=True)


def new_id() -> str:
    return uuid.uuid4().hex + uuid.uuid4().hex


def containers() -> list[Container]:
    """Those that ended too, until their pod goes or they are started again."""
    found = []
    for path in sorted(RECORDS.glob("*.json")):
        try:
            read: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            continue
        pairs = tuple((str(one), str(other)) for one, other in read["mounts"])
        found.append(Container(**{**read, "argv": tuple(read["argv"]), "mounts": pairs}))
    return found


def end(container: Container, number: int) -> None:
    """A signal for all of its processes."""
    try:
        os.killpg(container.pid, number)
    except ProcessLookupError:
        return
