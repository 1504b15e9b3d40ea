"""Started, for clusters that are reached through their nodes: every node is surveyed, its member is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from holdfast.drivers.base import Driver
from holdfast.engine.node_steps import Looked, first_step, look
from holdfast.errors import HoldfastError, PermanentError, error_of_all
from holdfast.models.command import Command, CommandResult
from holdfast.models.etcd import EndpointFailure, EtcdFacts
from holdfast.models.node import EtcdLayout, NodeEtcd, NodeStep, NodeSurvey
from holdfast.models.run import Pending
from holdfast.planning.node_facts import assemble
from holdfast.planning.waiting import next_wait
from holdfast.transports.base import Transport

PHASE = "Started"


@dataclass(frozen=True)
class NodesTold:
    """What every node told of itself and of its member, as far as it did. `errors` are those of the last look, the
    other ones are rows in `failures` only."""

    surveys: tuple[NodeSurvey, ...]
    etcds: tuple[NodeEtcd, ...]
    failures: tuple[EndpointFailure, ...]
    errors: tuple[HoldfastError, ...]

    @property
    def etcd(self) -> EtcdFacts:
        return assemble(self.surveys, self.etcds, self.failures)

    @property
    def nodes(self) -> dict[str, str]:
        """The node of each member that answered, by the member's id."""
        return {each.status.member_id: each.node for each in self.etcds}

    def nobody(self) -> HoldfastError:
        told = [(failure.code, failure.message) for failure in self.failures]
        hint = "Each node's reason has its own code in the message."
        return error_of_all("no_node_answers", told, list(self.errors), hint=hint)


@dataclass(frozen=True)
class NodeFacts:
    """`nodes` maps the id of a member to the node that it runs on; `failures` are nodes that told nothing."""

    surveys: tuple[NodeSurvey, ...]
    etcd: EtcdFacts
    nodes: dict[str, str]


def ask_nodes(
    transport: Transport, driver: Driver, run_id: str, pending: Pending | None, clock: Callable[[], datetime]
) -> Pending | NodeFacts:
    """One look, for work that needs a living member.

    Nodes that fail are rows in `EtcdFacts.failures`; only when no node tells anything their error is raised.
    """
    told = look_at_nodes(transport, driver, run_id, pending, clock)
    if isinstance(told, Pending):
        return told
    if not told.surveys:
        raise told.nobody()
    if not any(survey.etcd for survey in told.surveys):
        nodes = ", ".join(f"{survey.node} ({survey.topology})" for survey in told.surveys)
        raise PermanentError(
            "no_etcd_here",
            f"none of the nodes runs an etcd member: {nodes}",
            hint="Name the hosts that run etcd under transport.nodes; for external etcd these are other hosts.",
        )
    if not told.etcds:
        raise told.nobody()
    return NodeFacts(surveys=told.surveys, etcd=told.etcd, nodes=told.nodes)


def look_at_nodes(
    transport: Transport, driver: Driver, run_id: str, pending: Pending | None, clock: Callable[[], datetime]
) -> Pending | NodesTold:
    """One look. First the surveys, then, knowing where each member's certificates are, the members. Raises nothing for
    nodes and members that do not answer."""
    now = clock()
    if pending is None:
        steps = tuple(first_step(node, run_id, PHASE, "survey", now) for node in transport.nodes)
        pending = Pending(stage="survey", wait_s=1, since=now, steps=steps)
    if pending.stage == "survey":
        return _survey(transport, driver, run_id, pending, clock)
    return _ask_members(transport, driver, pending, clock)


def _survey(
    transport: Transport, driver: Driver, run_id: str, pending: Pending, clock: Callable[[], datetime]
) -> Pending | NodesTold:
    command, now = driver.survey(), clock()
    started = {step.node: step.since for step in pending.steps}

    def read(node: str, result: CommandResult) -> NodeSurvey:
        return driver.read_survey(node, result, asked_at=started[node], read_at=now)

    looked = look(transport, pending.steps, lambda _node: command, now, patient=False, clock=clock)
    found = _told(looked, pending.surveys, read)
    failures = pending.failures + _rows(looked)
    if looked.waiting:
        return _moved(pending, looked, now, surveys=found, failures=failures)
    members = tuple(survey for survey in found if survey.etcd)
    if not members:
        return NodesTold(found, (), failures, tuple(looked.failed.values()))
    if "exec" in transport.capabilities:
        return _exec_members(transport, driver, found, failures)
    steps = tuple(first_step(survey.node, run_id, PHASE, "etcd", now) for survey in members)
    following = Pending(stage="etcd", wait_s=1, since=now, steps=steps, surveys=found, failures=failures)
    return _ask_members(transport, driver, following, clock)


def _ask_members(
    transport: Transport, driver: Driver, pending: Pending, clock: Callable[[], datetime]
) -> Pending | NodesTold:
    now = clock()
    layouts = {survey.node: survey.etcd for survey in pending.surveys if survey.etcd}

    def command(node: str) -> Command:
        return driver.etcd_facts(layouts[node])

    def read(node: str, result: CommandResult) -> NodeEtcd:
        return driver.read_etcd_facts(node, result, layouts[node])

    looked = look(transport, pending.steps, command, now, patient=False, clock=clock)
    found = _told(looked, pending.etcds, read)
    failures = pending.failures + _rows(looked)
    if looked.waiting:
        return _moved(pending, looked, now, etcds=found, failures=failures)
    return NodesTold(pending.surveys, found, failures, tuple(looked.failed.values()))


def _told[T: (NodeSurvey, NodeEtcd)](
    looked: Looked, before: tuple[T, ...], read: Callable[[str, CommandResult], T]
) -> tuple[T, ...]:
    """What nodes told until now, by their names. An answer that cannot be read is a failure of its node."""
    told = {each.node: each for each in before}
    for node, result in looked.done.items():
        try:
            told[node] = read(node, result)
        except HoldfastError as error:
            looked.failed[node] = error
    return tuple(told[node] for node in sorted(told))


def _exec_members(
    transport: Transport, driver: Driver, surveys: tuple[NodeSurvey, ...], failures: tuple[EndpointFailure, ...]
) -> NodesTold:
    """Without a shell: each question is a program of its own, waited for. They take milliseconds."""
    found: list[NodeEtcd] = []
    looked = Looked()
    for survey in surveys:
        if survey.etcd is None:
            continue
        try:
            found.append(_exec_member(transport, driver, survey.node, survey.etcd))
        except HoldfastError as error:
            looked.failed[survey.node] = error
    return NodesTold(surveys, tuple(found), failures + _rows(looked), tuple(looked.failed.values()))


def _exec_member(transport: Transport, driver: Driver, node: str, layout: EtcdLayout) -> NodeEtcd:
    """A member that tells no status is asked no more: each answer that does not come takes many seconds."""
    results: dict[str, CommandResult] = {}
    for name, argv in driver.etcd_exec(layout).items():
        results[name] = transport.exec(node, argv)
        if name == "status" and results[name].exit_code != 0:
            break
    return driver.read_etcd_exec(node, results, layout)


def _moved(pending: Pending, looked: Looked, now: datetime, **changes: object) -> Pending:
    wait = next_wait((now - pending.since).total_seconds())
    steps: tuple[NodeStep, ...] = tuple(looked.waiting)
    return pending.model_copy(update={"steps": steps, "wait_s": wait, **changes})


def _rows(looked: Looked) -> tuple[EndpointFailure, ...]:
    return tuple(EndpointFailure.of(node, error) for node, error in sorted(looked.failed.items()))
