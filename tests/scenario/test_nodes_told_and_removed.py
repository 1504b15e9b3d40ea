"""Backups through nodes in memory: what goes with a backup, and what the operator reads."""

import json
from datetime import timedelta

from builders.command_line import holdfast
from builders.doubled_nodes import DoubledNodes, nodes_spec
from builders.doubled_runs import CLUSTER, RUN, failed_after_secrets, manifest_of, run, three, through, timed
from builders.machine import BackupMachine
from builders.services import START, services_with
from holdfast.errors import TransientError
from holdfast.local.pki import issue_ca
from holdfast.models.cluster import ClusterSpec
from holdfast.models.command import Command, CommandResult
from holdfast.transports.memory import MemoryTransport


def keeping(number: int) -> ClusterSpec:
    return nodes_spec(retention={"keep_last": number, "keep_at_least": 1})


def test_secrets_go_with_their_backup_and_never_another_clusters() -> None:
    services, _ = three()
    services.clusters.put(keeping(1), replace=True)
    services.clusters.put(nodes_spec("prod-10"), replace=True)
    other = timed(BackupMachine(services)).execute("prod-10", START)
    first = timed(BackupMachine(services)).execute(CLUSTER, START)
    second = timed(BackupMachine(services)).execute(CLUSTER, START + timedelta(hours=1))
    owners = {tuple(key.split("/")[:2]) for key in services.secrets.objects}
    assert owners == {("prod-10", other.backup_id), (CLUSTER, second.backup_id)}
    assert first.backup_id != second.backup_id


def test_secrets_whose_backup_is_gone_go_with_the_next_run() -> None:
    """A bundle that arrived after the clean-up. One that is older than every backup is of snapshots elsewhere."""
    services, _ = three()
    timed(BackupMachine(services)).execute(CLUSTER, START)
    orphan = f"{CLUSTER}/20261120T160000Z-r-1a2b3c/n1/bundle.tar"
    older = f"{CLUSTER}/20200101T000000Z-r-1a2b3c/n1/bundle.tar"
    neighbour = "prod-10/20200101T000000Z-r-1a2b3c/n1/bundle.tar"
    foreign = f"{CLUSTER}/notes/of/an-operator.txt"
    for key in (orphan, older, neighbour, foreign):
        services.secrets.put(key, b"x")
    timed(BackupMachine(services)).execute(CLUSTER, START + timedelta(hours=1))
    assert orphan not in services.secrets.objects
    assert {older, neighbour, foreign} <= set(services.secrets.objects)


def test_a_node_that_is_down_is_told_once_with_its_name_and_no_wrong_advice() -> None:
    services, nodes = three()
    services.transport = _Away(through(nodes), "n3")  # type: ignore[assignment]
    manifest = manifest_of(services, run(services))
    assert len([warning for warning in manifest.warnings if "n3" in warning]) == 1
    assert "node_unreachable" in manifest.warnings[0]


class _Away:
    def __init__(self, transport: MemoryTransport, node: str) -> None:
        self._transport, self._node = transport, node

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def run(self, node: str, key: str, command: Command, handle: str = "") -> object:
        if node == self._node:
            raise TransientError("node_unreachable", f"{node}: no route to host")
        return self._transport.run(node, key, command, handle)


def test_members_on_nodes_that_are_not_named_are_told_once_with_the_right_hint() -> None:
    services = services_with(nodes_spec(count=2))
    nodes = DoubledNodes(services, count=2, members=3)
    through(nodes)
    run(services)
    plan = json.loads(services.bucket.objects[f"{CLUSTER}/runs/{RUN}/plan.json"].body)
    assert [finding["code"] for finding in plan["findings"]] == ["nodes_missing"]
    assert "n3" in plan["findings"][0]["text"]


def test_a_failed_run_says_so_once() -> None:
    services, _ = three()
    outcome = failed_after_secrets(services)
    assert services.notifier.outcomes == [outcome]


def test_a_check_through_nodes_ends_with_3_where_a_backup_would_be_refused() -> None:
    services, nodes = three()
    through(nodes, looks=0)
    assert holdfast("cluster", "check", CLUSTER, services=services).code == 0
    nodes.swaps = {"curl=": "no-curl="}
    through(nodes, looks=0)
    ended = holdfast("cluster", "check", CLUSTER, services=services)
    assert ended.code == 3
    assert "node_tool_missing" in ended.stdout


def test_a_list_of_certificates_of_any_size_costs_no_memory_and_no_room_in_the_state() -> None:
    services, nodes = three()
    certificate = issue_ca().certificate
    nodes.certificates = f"# /etc/kubernetes/{'a' * 9_000}\n{certificate}".encode() * 300
    manifest = manifest_of(services, run(services))
    for bundle in manifest.bundles:
        assert 0 < len(bundle.certificates) <= 64
        assert max(len(each.path) for each in bundle.certificates) <= 400


def test_a_member_that_tells_no_status_over_exec_is_asked_nothing_more() -> None:
    asked: list[str] = []

    def answer(_node: str, command: Command) -> CommandResult:
        asked.append(command.script)
        return CommandResult(1, "", "Failed to get the status (context deadline exceeded)")

    services, nodes = three()
    surveyed = nodes.transport(looks=0)
    surveyed.capabilities |= {"exec"}
    surveyed.program = lambda node, command: (nodes.program if "tool_names" in command.values else answer)(
        node, command
    )
    services.transport = surveyed
    outcome = run(services)
    assert outcome.error
    assert outcome.error.code == "etcd_timeout"
    assert {script.split()[-4:-1] == ["endpoint", "status", "-w"] for script in asked} == {True}
