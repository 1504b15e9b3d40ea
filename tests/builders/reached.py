"""One real node and the ways to it: what the contract of transports is asked of."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders.kubernetes_api import kubernetes_api
from builders.kubernetes_state import KubernetesApiServer
from builders.node import USER, Node
from builders.run_command import over_ssm
from builders.ssh_keys import client_key
from builders.waiting import wait_for
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.models.cluster import KubernetesTransport, SshTransport
from holdfast.models.command import Command, CommandResult
from holdfast.transports.base import Running, Transport
from holdfast.transports.kubernetes.transport import KubernetesNodes
from holdfast.transports.memory import MemoryTransport
from holdfast.transports.ssh.connection import SshDeadlines
from holdfast.transports.ssh.transport import SshNodes
from holdfast.transports.ssm.transport import SILENT_FOR_S
from holdfast.transports.steps import STEPS, assignments

# Lasts until `Reached.release`.
HOLD = "until [ -e /go ]; do sleep 0.1; done\n"
PRINTED = b"".join(b"%06d\n" % number for number in range(100_000))
PRINTS = ("seq", "-f", "%06.0f", "0", "99999")
_NUMBERS = itertools.count()


@dataclass
class Reached:
    """`transport` opens another one to the same node n1, as the next function would. `node` is None in memory."""

    transport: Callable[[], Transport]
    node: Node | None
    release: Callable[[], None]
    reboot: Callable[[], None]
    starts: Callable[[str], int]
    opened: list[Transport] = field(default_factory=list)

    def open(self) -> Transport:
        self.opened.append(self.transport())
        return self.opened[-1]

    def key(self, run: str = "") -> str:
        """One that nobody used before."""
        return f"{run or f'run-{next(_NUMBERS)}'}.snapshot.n1.{next(_NUMBERS)}"

    def counted(self, key: str, script: str = "") -> Command:
        """Tells `starts` that it ran."""
        return Command(f'echo "$key" >>/starts\n{script}', {"key": key})

    def finish(self, key: str, command: Command, handle: str = "", transport: Transport | None = None) -> CommandResult:
        using = transport or self.open()

        def ended() -> CommandResult | None:
            nonlocal handle
            answer = using.run("n1", key, command, handle)
            if isinstance(answer, CommandResult):
                return answer
            handle = answer.handle
            return None

        return wait_for(ended, f"the end of {key}", 30)

    def started(self, key: str, command: Command) -> str:
        """The handle of a step whose script has begun."""
        using, handle = self.open(), ""

        def begun() -> bool:
            nonlocal handle
            answer = using.run("n1", key, command, handle)
            assert isinstance(answer, Running), answer
            handle = answer.handle
            return self.node is None or self.step(key).joinpath("out").exists()

        wait_for(begun, f"the start of {key}", 30)
        return handle

    def step(self, key: str) -> Path:
        """Its directory on the node."""
        assert self.node is not None
        return self.node.path(f"{STEPS}/{key}")


def ssh_spec(node: Node, jump: Node | None = None, user: str = USER) -> SshTransport:
    """With both pinned."""
    host = {"host": "127.0.0.1", "port": node.ssh_port, "host_keys": node.fingerprints}
    fields: dict[str, Any] = {
        "kind": "ssh",
        "nodes": [{"name": node.name, **host}],
        "user": user,
        "credentials": "holdfast/test/ssh",
    }
    if jump is not None:
        fields["jump"] = {"host": "127.0.0.1", "port": jump.ssh_port, "host_keys": jump.fingerprints}
    return SshTransport.model_validate(fields)


QUICK = SshDeadlines(connect_s=5, handshake_s=5, exchange_s=20)


def over_ssh(spec: SshTransport, deadlines: SshDeadlines = QUICK) -> SshNodes:
    return SshNodes(spec, client_key(), client_key(), deadlines=deadlines)


def _on(node: Node, transport: Callable[[], Transport], *, rebooted: Callable[[], None] = lambda: None) -> Reached:
    def reboot() -> None:
        node.reboot()
        rebooted()

    def starts(key: str) -> int:
        path = node.path("/starts")
        return path.read_text().splitlines().count(key) if path.exists() else 0

    return Reached(transport, node, lambda: node.path("/go").touch(), reboot, starts)


@contextmanager
def in_memory(folder: Path, etcd: LocalEtcd) -> Iterator[Reached]:
    """Scripts run here by sh, in a folder of their own, when a step starts; they must not write elsewhere."""
    double: MemoryTransport
    released: list[bool] = []

    def release() -> None:
        released.append(True)
        double.end("n1")

    def program(_: str, command: Command) -> CommandResult:
        double.looks = 1_000_000 if HOLD in command.script and not released else 0
        place = folder / f"step-{next(_NUMBERS)}"
        place.mkdir()
        (place / "secrets").write_text(assignments({k: v.get_secret_value() for k, v in command.secrets.items()}))
        text = assignments(command.values) + command.script.replace(HOLD, "").replace(">>/", ">>./")
        try:
            done = subprocess.run(
                ["sh"], input=text, cwd=place, capture_output=True, text=True, timeout=command.timeout_s
            )
        except subprocess.TimeoutExpired:
            return CommandResult(124, "")
        saying = place / "saying"
        double.says["n1"] = saying.read_text().splitlines()[-1] if saying.exists() else ""
        return CommandResult(done.returncode, done.stdout, done.stderr.rstrip("\n"))

    port = etcd.members[0].client_port
    double = MemoryTransport(["n1"], program, ports={("n1", port): ("127.0.0.1", port)}, streams={PRINTS: PRINTED})
    yield Reached(
        lambda: double,
        None,
        release,
        lambda: double.reboot("n1"),
        lambda key: double.started.count(("n1", key)),
    )


@contextmanager
def by_ssh(node: Node) -> Iterator[Reached]:
    yield _on(node, lambda: over_ssh(ssh_spec(node)))


@contextmanager
def by_jump_host(node: Node, jump: Node) -> Iterator[Reached]:
    yield _on(node, lambda: over_ssh(ssh_spec(node, jump)))


@contextmanager
def by_ssm(folder: Path, node: Node) -> Iterator[Reached]:
    with over_ssm(folder, node, speed=100) as ssm:

        def rebooted() -> None:
            ssm.clock.now += SILENT_FOR_S + 1

        yield _on(node, ssm.transport, rebooted=rebooted)


@contextmanager
def by_kubernetes(node: Node, etcd: LocalEtcd) -> Iterator[Reached]:
    spec = KubernetesTransport(kind="kubernetes", credentials="holdfast/test/kubernetes", via="exec", image="busybox:1")
    with kubernetes_api(KubernetesApiServer(enter={"n1": node.enter()})) as server:
        server.add_etcd_pod("n1", etcd.endpoints[0])
        yield _on(node, lambda: KubernetesNodes(spec, server.access))
