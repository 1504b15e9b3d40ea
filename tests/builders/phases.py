"""Phases of a restore, one look at a time, over nodes in memory that answer its scripts as they are told to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from builders.changes import NODES, RUN, begin, step
from builders.doubled_nodes import nodes_spec
from builders.runs import NOON
from builders.services import MemoryServices, services_with
from holdfast import node
from holdfast.engine.restore.journal import Journal
from holdfast.engine.restore.ownership import take_over
from holdfast.engine.restore.phase import advance
from holdfast.engine.restore.stored import run_of
from holdfast.models.approval import Approval
from holdfast.models.command import Command, CommandResult
from holdfast.models.restore import ChangePhase, ChangeRun, PhaseWork, RestorePlan
from holdfast.models.restore_reports import REPORTS
from holdfast.transports.memory import MemoryTransport

CLUSTER = "prod-1"
# The steps of builders/changes.py and one whose nodes have to agree.
STOP_API = step("stop-api", "Shutdown", "stop_pods", undo="put_pods_back")
STOP_ETCD = step("stop-etcd", "Shutdown", "stop_pods", undo="put_pods_back")
SWAP = step("swap", "Restore", "swap", no_return=True)
ETCD_READY = step("etcd-ready", "RestartCluster", "etcd_ready", agree=("one-leader",))
START_API = step("start-api", "RestartCluster", "start_api", one_by_one=True)
STEPS = (STOP_API, STOP_ETCD, SWAP, ETCD_READY, START_API)

type Answer = Callable[[str], dict[str, Any]]


def failing(code: str = "restore_tool_failed") -> dict[str, Any]:
    """What a script says that gives up."""
    return {"code": code, "message": "the test says so"}


def ready(leader: str = "a1") -> dict[str, Any]:
    """What etcd_ready.sh says of a healthy member."""
    told: dict[str, Any] = {"member_id": "a1", "cluster_id": "c1", "leader": leader, "version": "3.5.21", "voters": 3}
    return told | {"learners": 0, "revision": 77, "hash": 4711, "compact_revision": 0}


@dataclass
class ScriptedNodes:
    """`said` is what a script says on a node; `ran` is every start, `on_start` is called at each."""

    said: dict[str, Answer] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)
    on_start: Callable[[str, str], None] = lambda _script, _node: None

    def program(self, where: str, command: Command) -> CommandResult:
        name = next(each for each in REPORTS if node.change(each) == command.script)
        self.ran.append((name, where))
        self.on_start(name, where)
        told = (self.said.get(name) or _usual[name])(where)
        return CommandResult(1 if "code" in told else 0, json.dumps(told))


_usual: dict[str, Answer] = {
    "stop_pods": lambda _node: {"stopped": ["etcd"]},
    "put_pods_back": lambda _node: {"back": ["etcd"], "down": []},
    "swap": lambda _node: {"kept": "/var/lib/etcd.holdfast-run/old"},
    "etcd_ready": lambda _node: ready(),
    "start_api": lambda _node: {"ready": True},
}


@dataclass
class PhaseScene:
    """An approved run of `plan` that has not begun."""

    services: MemoryServices
    nodes: ScriptedNodes
    transport: MemoryTransport
    plan: RestorePlan

    @property
    def run(self) -> ChangeRun:
        return run_of(self.services.runs.get(CLUSTER, RUN))

    @property
    def journal(self) -> Journal:
        return Journal(self.services, self.run)

    def look(self, phase: ChangePhase, before: PhaseWork | None = None) -> PhaseWork:
        """One look, with what the last one has left, as JSON carries it."""
        work = before or PhaseWork(run=self.run, phase=phase, approval=approval_of(self.plan))
        self.services.clock.advance(timedelta(seconds=work.pending.wait_s if work.pending else 1))
        return advance(self.services, PhaseWork.model_validate_json(work.model_dump_json()))

    def go_through(self, phase: ChangePhase, before: PhaseWork | None = None) -> None:
        work = self.look(phase, before)
        while work.pending:
            work = self.look(phase, work)

    def taken_over(self, execution: str) -> None:
        """As Started of another execution does, after the end of this one was told."""
        run = self.run.model_copy(update={"execution": execution})
        take_over(self.services, self.services.runs.get(CLUSTER, RUN), run)


def approval_of(plan: RestorePlan) -> Approval:
    return Approval(cluster=CLUSTER, digest=plan.digest, approved_by="a test", approved_at=NOON)


def phase_scene(plan: RestorePlan, services: MemoryServices | None = None, *, looks: int = 0) -> PhaseScene:
    """`looks` is how often a script is found at work before it is found over."""
    services = services or services_with(nodes_spec())
    nodes = ScriptedNodes()
    transport = MemoryTransport(NODES, nodes.program, looks=looks)
    services.transport = transport
    begin(services, plan=plan)
    return PhaseScene(services, nodes, transport, plan)
