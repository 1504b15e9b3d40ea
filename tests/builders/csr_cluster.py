"""A cluster whose kubelets ask for certificates: the API double over a real etcd, the script on a host with an `oc`.

What kubelets and the signer do between two rounds is a function of the test.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builders.changes import restore_plan
from builders.csrs import client, serving
from builders.openshift_api import PREFIX, OpenShiftApi
from builders.phases import PhaseScene, phase_scene
from builders.shell import QUICK, Ended, NodeProgram, Shell, toolbox
from holdfast import node
from holdfast.models.command import STDOUT_LIMIT, Command, CommandResult
from holdfast.models.csr import CsrNode
from holdfast.models.restore import RestoreStep
from holdfast.transports.steps import assignments

_OC = """shift 2 # --kubeconfig and its file
exec env PYTHONPATH={path} {python} -S -B -m holdfast.local.machines.oc --kubeconfig={kubeconfig} "$@"
"""


class _Round(NodeProgram):
    @property
    def command(self) -> Command:
        return Command(node.change(self.name), {**QUICK, **self.values})


@dataclass
class CsrCluster:
    """`between` is called before each round. `count` rounds were run; `longest` is the longest answer of one."""

    server: OpenShiftApi
    folder: Path
    shell: Shell = "dash"
    between: Callable[["CsrCluster"], None] = lambda _cluster: None
    stub: str = ""
    count: int = 0
    longest: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        source = str(Path(node.__file__).parents[2])
        oc = _OC.format(path=source, python=sys.executable, kubeconfig=self.server.kubeconfig)
        self._path = toolbox(self.folder / "bin", self.shell, stubs={"oc": self.stub + oc})

    def clear(self) -> "CsrCluster":
        assert self.server.etcd
        self.server.etcd.writer().delete_prefix(f"{PREFIX}/".encode())
        return self

    def put(self, *objects: dict[str, Any]) -> None:
        """As they are, whoever may write them."""
        assert self.server.etcd
        self.server.etcd.writer().put_many((_key(each), json.dumps(each).encode()) for each in objects)

    def get(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.server.oc("get", "csr", name, "-o", "json").stdout))

    def approved(self) -> set[str]:
        items = json.loads(self.server.oc("get", "csr", "-o", "json").stdout)["items"]
        return {each["metadata"]["name"] for each in items if _conditions(each) == ["Approved"]}

    def run(self, **values: str) -> Ended:
        """One round."""
        self.count += 1
        self.between(self)
        usual = {"signers": "", "awaited": "", "limit_s": "3"}
        program = _Round("openshift/csr_round", self.folder / f"{self.count}", self.shell, self._path, usual | values)
        ended = program.run()
        self.answers.append(ended.report)
        return ended

    def scene(self, steps: tuple[RestoreStep, ...], **values: str) -> PhaseScene:
        """A run whose only steps these are; `values` replace those of the plan."""
        scene = phase_scene(restore_plan(steps=tuple(_with(each, values) for each in steps)))

        def program(_node: str, command: Command) -> CommandResult:
            ended = self.run(**command.values)
            text = json.dumps(ended.report, separators=(",", ":"))
            self.longest = max(self.longest, len(text))
            assert len(assignments(command.values)) < STDOUT_LIMIT
            return CommandResult(ended.exit_code, text, ended.stderr, truncated=len(text) > STDOUT_LIMIT)

        scene.transport.program = program
        return scene

    def kubelets(self, *nodes: CsrNode) -> Callable[["CsrCluster"], None]:
        """They ask, one wave after the other, and their nodes are Ready when they have a client certificate."""
        made: set[str] = set()

        def work(_cluster: "CsrCluster") -> None:
            approved = self.approved()
            for each in nodes:
                first, second = f"csr-a-{each.name}", f"csr-b-{each.name}"
                if first not in made:
                    made.add(first)
                    self.put(client(each.name, first, at=now()))
                elif first in approved and second not in made:
                    made.add(second)
                    self.put(node_object(each.model_copy(update={"ready": "True"})), serving(each, second, at=now()))

        return work


def _with(step: RestoreStep, values: dict[str, str]) -> RestoreStep:
    commands = tuple(each.model_copy(update={"values": each.values | values}) for each in step.commands)
    return step.model_copy(update={"commands": commands})


def now() -> datetime:
    return datetime.now(UTC)


def node_object(told: CsrNode) -> dict[str, Any]:
    addresses = [
        {"type": "InternalIP" if each[0].isdigit() else "Hostname", "address": each} for each in told.addresses
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": told.name, "uid": f"uid-{told.name}", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": told.ready}], "addresses": addresses},
    }


def machine_object(name: str, node_name: str, *addresses: str) -> dict[str, Any]:
    status: dict[str, Any] = {"addresses": [{"type": "InternalDNS", "address": each} for each in addresses]}
    if node_name:
        status["nodeRef"] = {"kind": "Node", "name": node_name}
    return {
        "apiVersion": "machine.openshift.io/v1beta1",
        "kind": "Machine",
        "metadata": {"name": name, "namespace": "openshift-machine-api", "uid": f"uid-{name}"},
        "spec": {},
        "status": status,
    }


def _key(value: dict[str, Any]) -> bytes:
    name = value["metadata"]["name"]
    folders = {
        "Node": "minions",
        "CertificateSigningRequest": "certificatesigningrequests",
        "Machine": "machine.openshift.io/machines/openshift-machine-api",
    }
    return f"{PREFIX}/{folders[value['kind']]}/{name}".encode()


def _conditions(value: dict[str, Any]) -> list[str]:
    return [each["type"] for each in value.get("status", {}).get("conditions") or []]
