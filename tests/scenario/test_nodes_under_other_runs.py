"""Backups through nodes in memory while others change, stop and share things: cluster files, runs, hanging nodes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from builders.doubled_nodes import DoubledNodes, failure, nodes_spec
from builders.doubled_runs import CLUSTER, failed_after_secrets, left, manifest_of, run, three, through, timed
from builders.etcd_facts import endpoint
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.errors import PermanentError, TransientError
from holdfast.models.command import Command
from holdfast.models.run import Outcome
from holdfast.transports.memory import MemoryTransport


@pytest.mark.parametrize("phase", ["Snapshot", "Secrets"])
def test_a_transport_that_is_changed_under_a_run_ends_it_with_the_reason(phase: str) -> None:
    services, nodes = three()
    through(nodes, looks=2)
    direct = {"kind": "etcd", "endpoints": [endpoint(1)], "credentials": "holdfast/prod-1/etcd"}
    seen = 0

    def change(name: str) -> None:
        nonlocal seen
        seen += name == phase
        if name == phase and seen == 2:
            services.clusters.put(nodes_spec(transport=direct), replace=True)

    outcome = run(services, on_phase=change)
    assert outcome.error
    assert outcome.error.code == "cluster_changed"
    assert left(services) == []


def test_a_cluster_that_is_removed_under_a_run_ends_it_and_leaves_nothing() -> None:
    services, nodes = three()
    through(nodes, looks=2)

    def remove(name: str) -> None:
        if name == "Secrets":
            services.clusters.remove(CLUSTER)

    outcome = run(services, on_phase=remove)
    assert outcome.error
    assert outcome.error.code == "cluster_unknown"
    assert left(services) == []


def test_a_snapshot_without_any_bundle_is_kept_and_says_what_it_cannot_do() -> None:
    services, nodes = three()
    nodes.bundle_answers = {name: [failure("node_tool_missing")] for name in ("n1", "n2", "n3")}
    outcome = run(services)
    assert outcome.status == "succeeded"
    assert len([warning for warning in outcome.warnings if "no secrets bundle of" in warning]) == 3
    assert any("does not bring back a lost control plane" in warning for warning in outcome.warnings)


def test_a_node_that_refuses_to_be_left_keeps_no_other_one_from_it() -> None:
    services, nodes = three()
    transport = through(nodes)
    transport.fail("cancel", PermanentError("ssh_host_key_changed", "n1 shows another key"))
    outcome = failed_after_secrets(services)
    assert {node for node, _ in transport.cancelled} == {"n2", "n3"}
    assert [warning for warning in outcome.warnings if "ssh_host_key_changed" in warning]
    assert left(services) == []


def test_nodes_that_do_not_answer_keep_nobody_from_being_told() -> None:
    services = services_with(nodes_spec(count=9))
    nodes = DoubledNodes(services, count=9, members=9)
    transport = through(nodes)
    slow = _Slow(transport, services)
    nodes.snapshot_answers = [failure("node_tool_missing")]

    def on_phase(name: str) -> None:
        if name == "Snapshot":
            services.transport = slow  # type: ignore[assignment]

    before = services.clock.now
    outcome = run(services, on_phase=on_phase)
    assert outcome.status == "failed"
    assert services.notifier.outcomes == [outcome]
    assert slow.cancels < 9
    assert [warning for warning in outcome.warnings if "n9" in warning]
    assert services.clock.now - before < timedelta(minutes=5)


class _Slow:
    """A transport each of whose farewells takes 25 seconds."""

    def __init__(self, transport: MemoryTransport, services: MemoryServices) -> None:
        self._transport, self._services, self.cancels = transport, services, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def cancel(self, node: str, key: str) -> None:
        self.cancels += 1
        self._services.clock.advance(timedelta(seconds=25))
        self._transport.cancel(node, key)


class _SlowLooks(_Slow):
    def run(self, node: str, key: str, command: Command, handle: str = "") -> object:
        if node in ("n4", "n5", "n6", "n7"):
            self._services.clock.advance(timedelta(seconds=25))
            raise TransientError("node_unreachable", f"{node}: timed out")
        return self._transport.run(node, key, command, handle)


def test_no_look_at_nodes_that_do_not_answer_takes_longer_than_a_function_may() -> None:
    services = services_with(nodes_spec(count=7))
    nodes = DoubledNodes(services, count=7, members=7)
    services.transport = _SlowLooks(through(nodes), services)  # type: ignore[assignment]
    entered = services.clock.now
    longest = timedelta(0)

    def on_phase(_: str) -> None:
        nonlocal entered
        entered = services.clock.now

    def on_wait(_: int) -> None:
        nonlocal longest
        longest = max(longest, services.clock.now - entered)

    outcome = run(services, on_phase=on_phase, on_wait=on_wait)
    manifest = manifest_of(services, outcome)
    assert longest < timedelta(seconds=90)
    assert len([warning for warning in manifest.warnings if "node_unreachable" in warning]) == 4


def test_two_clusters_that_share_a_node_do_not_meet() -> None:
    services, nodes = three()
    transport = through(nodes, looks=1)
    services.clusters.put(nodes_spec("prod-10"), replace=True)
    other = timed(BackupMachine(services))
    first = run(services, on_phase=_once("Secrets", lambda: _assert_ok(other.execute("prod-10", START))))
    manifest_of(services, first)
    assert {key.split("/")[0] for key in services.secrets.objects} == {"prod-1", "prod-10"}
    assert len(set(transport.started)) == len(transport.started)


def _assert_ok(outcome: Outcome) -> None:
    assert outcome.status == "succeeded", outcome.error


def _once(phase: str, work: Callable[[], None]) -> Callable[[str], None]:
    pending = True

    def on_phase(name: str) -> None:
        nonlocal pending
        if name == phase and pending:
            pending = False
            work()

    return on_phase


def test_a_run_that_is_refused_the_lease_touches_no_step_of_the_one_that_has_it() -> None:
    services, nodes = three()
    transport = through(nodes, looks=2)
    refused: list[Outcome] = []

    def second() -> None:
        other = timed(BackupMachine(services))
        refused.append(other.execute(CLUSTER, START + timedelta(minutes=1)))

    first = run(services, on_phase=_once("Secrets", second))
    manifest_of(services, first)
    assert refused[0].error
    assert refused[0].error.code == "lease_held"
    assert transport.cancelled == []
