"""Started, over nodes in memory: when a run has a plan, and where the files of a lost node come from."""

import json
from datetime import timedelta

import pytest

from builders.doubled_nodes import SURVEY, DoubledNodes, failure
from builders.doubled_restores import NAME, RestorableNodes, restorable, started
from builders.doubled_runs import CLUSTER, through
from builders.frames import printed
from builders.runs import failed
from builders.services import START, MemoryServices
from holdfast.cli.plan_view import _head
from holdfast.engine.members import look_at_members
from holdfast.engine.restore.again import again
from holdfast.engine.restore.started import start
from holdfast.engine.restore.stored import find_plan, load_plan, run_of
from holdfast.errors import InvalidInputError, RefusedError, TransientError
from holdfast.facts.frames import sections
from holdfast.handler import parse
from holdfast.models.command import Command, CommandResult
from holdfast.models.restore import ChangeRequest, StartedChange
from holdfast.planning.naming import run_key
from holdfast.storage.faulty import Fault, FaultyBucket, slow_down

HEALTHY = ("cluster_healthy",)


def urls(services: MemoryServices) -> bytes:
    return services.bucket.read(run_key(CLUSTER, NAME, "upload.txt"))


def test_the_run_has_no_plan_before_its_emergency_backup_is_there() -> None:
    services, _, backup = restorable()
    request = ChangeRequest(cluster=CLUSTER, backup=backup, allow=HEALTHY)
    state = start(services, request, NAME, START, None)
    plans = []
    while state.look:
        plans.append(find_plan(services, state.run))
        services.clock.advance(timedelta(seconds=state.look.wait_s))
        state = start(services, request, NAME, START, state.look)
    assert state.look is None
    assert plans
    assert set(plans) == {None}
    plan = load_plan(services, state.run)
    assert services.bucket.read(f"{CLUSTER}/{plan.emergency}/manifest.json")


def test_a_plan_says_who_asked_for_it() -> None:
    services, _, backup = restorable()
    name = "arn:aws:iam::123456789012:user/ops"
    assert started(services, backup=backup, allow=HEALTHY, requested_by=name).requested_by == name


# A node's failures that another try may mend are told as such, when there were enough tries.
@pytest.mark.parametrize("code", ["node_snapshot_failed", "upload_unreachable", "node_etcd_not_running"])
def test_a_run_without_its_emergency_backup_is_refused_and_cannot_be_resumed(code: str) -> None:
    services, nodes, backup = restorable()
    nodes.snapshot_answers = [failure(code)] * 3
    with pytest.raises(RefusedError) as raised:
        started(services, backup=backup, allow=HEALTHY)
    assert raised.value.code == "no_emergency_snapshot"
    assert code in raised.value.message
    assert urls(services) == b""
    assert services.bucket.unfinished == []

    record = services.runs.get(CLUSTER, NAME)
    assert find_plan(services, run_of(record)) is None
    for how in ("resume", "abort"):
        with pytest.raises(RefusedError, match="nothing_to_resume"):
            again(services, ChangeRequest.model_validate({"cluster": CLUSTER, how: NAME}), f"{NAME}-2")


def test_a_plan_whose_emergency_backup_may_be_missing_says_so() -> None:
    services, nodes, backup = restorable()
    nodes.snapshot_answers = [failure("node_snapshot_failed")]
    plan = started(services, backup=backup, allow=(*HEALTHY, "no_emergency_snapshot"))
    assert plan.emergency is None
    lifted = {finding.code: finding for finding in plan.findings}["no_emergency_snapshot"]
    assert (lifted.level, "node_snapshot_failed" in lifted.text) == ("warn", True)
    assert ("first", "no emergency backup: none could be made") in _head(plan)
    page = services.bucket.read(run_key(CLUSTER, NAME, "runbook.md")).decode()
    assert "what still answered before" not in page
    assert services.leases.holder(CLUSTER) is None


def test_a_store_that_is_away_for_a_moment_is_no_reason_to_go_on_without() -> None:
    services, nodes, backup = restorable()

    def away(_node: str, command: Command) -> None:
        if "plan_url" in command.secrets:
            services.store = FaultyBucket(services.bucket, [Fault("put", slow_down)])

    nodes.on_command = away
    with pytest.raises(TransientError, match="storage_unavailable"):
        started(services, backup=backup, allow=HEALTHY)


def test_an_execution_that_was_stopped_here_and_redriven_starts_nothing() -> None:
    services, _, backup = restorable()
    started(services, backup=backup, allow=HEALTHY)
    record = services.runs.get(CLUSTER, NAME)
    services.runs.close(failed("run_aborted", run_id=NAME, job="restore"))
    with pytest.raises(RefusedError, match="lease_lost"):
        started(services, backup=backup, allow=HEALTHY)
    assert services.runs.get(CLUSTER, NAME).execution == record.execution


class OneLost(RestorableNodes):
    """n3 is a machine with kubelet, a container runtime and nothing else."""

    def program(self, node: str, command: Command) -> CommandResult:
        if node != "n3" or "tool_names" not in command.values:
            answer = super().program(node, command)
            if node == "n3" and "encryption_config" in command.values:
                told = json.loads(answer.stdout) | {"pods": [], "data_exists": False, "certificates": []}
                return CommandResult(0, json.dumps(told))
            return answer
        told = dict(sections("n3", SURVEY, DoubledNodes._survey(self, node)))
        gone = [name for name in told if name.startswith(("manifest ", "etcd "))]
        return printed(SURVEY, {name: text for name, text in told.items() if name not in gone})


def lost() -> tuple[MemoryServices, OneLost, str]:
    services, before, backup = restorable()
    nodes = OneLost(before.services)
    nodes.dead = frozenset({"n3"})
    through(nodes)
    return services, nodes, backup


def test_a_lost_nodes_files_come_from_the_newest_backup_that_has_them() -> None:
    services, _, backup = lost()
    plan = started(services, replace="n3")
    names = [step.name for step in plan.steps]
    assert names.index("fetch-bundle") < names.index("swap-files") < names.index("remove-member")
    assert "start-kubelet" in names
    assert plan.bundle_keys == {"n3": f"{CLUSTER}/{backup}/n3/bundle.tar"}
    assert [finding.code for finding in plan.findings if backup in finding.text] == ["files_from_backup"]


def test_members_are_told_as_a_replacement_would_find_them() -> None:
    services, _, backup = lost()
    (spec,) = services.clusters.list()
    for refusals in ([], ["layout_unknown"]):
        (found,) = look_at_members(services, spec, f"look-{len(refusals)}", wait=lambda _: None).replacements
        assert (found.node, [each.code for each in found.refusals]) == ("n3", refusals)
        services.bucket.remove([f"{CLUSTER}/{backup}/manifest.json"])


def test_a_sealed_backup_does_where_none_is_verified() -> None:
    services, _, backup = lost()
    services.bucket.remove([f"{CLUSTER}/{backup}/verified.json"])
    assert started(services, replace="n3").bundle_keys


def test_without_any_backup_of_them_the_layout_is_unknown() -> None:
    services, _, backup = lost()
    services.bucket.remove([f"{CLUSTER}/{backup}/manifest.json"])
    with pytest.raises(RefusedError, match="layout_unknown"):
        started(services, replace="n3")


def test_a_node_that_has_its_files_keeps_them() -> None:
    services, nodes, _ = restorable()
    nodes.dead = frozenset({"n3"})
    plan = started(services, replace="n3")
    assert "swap-files" not in [step.name for step in plan.steps]
    assert plan.bundle_keys == {}


def test_a_name_that_no_run_can_have_is_refused_as_input() -> None:
    event = {"execution": {"Name": "a.b", "StartTime": START, "Input": {}}}
    with pytest.raises(InvalidInputError, match="Name"):
        parse(StartedChange, event)
