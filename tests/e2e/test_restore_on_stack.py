"""Restores by the deployed product: the unmodified template, its IAM enforced, three kubeadm nodes with real members.

Each node has an API server of ours over its real etcd. The tests share one cluster and one backup of it; each leaves
the cluster healthy.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from builders.kubeadm_node import DATA
from builders.nodes_on_stack import NEEDLES, Site, nodes_on_stack, written_down
from builders.waiting import wait_for
from holdfast.engine.restore.approving import approve, decline
from holdfast.engine.restore.journal import Journal
from holdfast.engine.restore.starting import abort_change, resume_change
from holdfast.engine.restore.stored import load_plan, run_of
from holdfast.errors import HoldfastError
from holdfast.models.restore import ChangeReport, ChangeRun
from holdfast.models.run import Outcome, RunRecord
from holdfast.planning.naming import run_key

CLUSTER = "nodes-ssh"
KEPT, MADE = "/registry/configmaps/kept/", "/registry/configmaps/made-since/"
OPERATOR = "arn:aws:iam::000000000000:user/ops"
HEALTHY = {"allow": ["cluster_healthy"]}
DEADLINE_S = 400


@dataclass
class Restores:
    """`backup` has three keys below KEPT and none below MADE."""

    site: Site
    backup: str = ""

    def take_backup(self) -> None:
        self.site.cluster.writer().put_many([(f"{KEPT}{number}".encode(), b"kept") for number in range(3)])
        self.backup = self.site.manifest(self.site.backup("ssh"), "ssh").backup_id

    def change(self) -> None:
        """What a restore takes back."""
        writer = self.site.cluster.writer()
        writer.put_many([(f"{MADE}{number}".encode(), b"since") for number in range(3)])
        writer.delete_prefix(KEPT.encode())

    def keys(self) -> tuple[set[int], set[int]]:
        """How many there are below KEPT and below MADE, on each member."""
        cluster = self.site.cluster
        kept, made = (
            {cluster.client().key_count(member, prefix) for member in cluster.endpoints} for prefix in (KEPT, MADE)
        )
        return kept, made

    def start(self, **more: Any) -> str:
        """With the console's three fields."""
        given = {"cluster": CLUSTER, "backup": self.backup, "mode": "etcd", **more}
        return self.site.start("RestoreMachineArn", given)

    def record(self, run: str) -> RunRecord | None:
        try:
            return self.site.services.runs.get(CLUSTER, run)
        except HoldfastError:
            return None

    def asked(self, run: str) -> ChangeRun:
        """When its plan waits for an answer."""

        def found() -> RunRecord | None:
            record = self.record(run)
            assert record is None or record.outcome is None, record.outcome
            return record if record and record.question else None

        return run_of(wait_for(found, f"the question of {run}", DEADLINE_S))

    def approve(self, run: str) -> None:
        plan = load_plan(self.site.services, self.asked(run))
        approve(self.site.services, CLUSTER, run, approved_by=OPERATOR, typed=CLUSTER, digest=plan.digest)

    def at_step(self, run: str, step: str) -> None:
        """When the step was begun on a node."""
        prefix = run_key(CLUSTER, run, f"steps/{step}.")
        wait_for(lambda: any(self.site.services.reader.list(prefix)) or None, f"{step} of {run}", DEADLINE_S)

    def told(self, run: str) -> Outcome:
        def outcome() -> Outcome | None:
            record = self.record(run)
            return record.outcome if record else None

        return wait_for(outcome, f"the outcome of {run}", DEADLINE_S)

    def end_of(self, execution: str) -> dict[str, Any]:
        return self.site.end_of(execution, DEADLINE_S)

    def arn(self, name: str) -> str:
        return self.site.info.outputs["RestoreMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"

    def lease_is_free(self) -> bool:
        table = self.site.info.outputs["Table"]
        found = self.site.client("dynamodb").scan(TableName=table)["Items"]
        return not [item for item in found if item["sk"]["S"] == "LEASE"]

    def whole(self) -> None:
        """Every member is healthy, and every API server of a node answers."""
        self.site.cluster.wait_until_healthy()
        for node in self.site.cluster.nodes:
            assert node.runs("kube-apiserver"), node.name


def words(ended: dict[str, Any]) -> str:
    """What a person reads first in the console: Lambda puts it in front of its stack trace."""
    message = json.loads(ended["cause"])["errorMessage"]
    assert not re.search(r'[{}\\"]', message), message
    return str(message)


def name_of(execution: str) -> str:
    return execution.rpartition(":")[2]


@pytest.fixture(scope="module")
def restores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restores]:
    with nodes_on_stack(tmp_path_factory.mktemp("nodes"), api=True) as site:
        made = Restores(site)
        made.take_backup()
        yield made


def test_a_healthy_cluster_is_not_taken_back_in_time_by_three_fields_alone(restores: Restores) -> None:
    ended = restores.end_of(restores.start())
    assert (ended["status"], ended["error"]) == ("FAILED", "cluster_healthy")
    assert "Nothing was changed." in words(ended)
    assert restores.lease_is_free()


def test_a_restore_that_is_declined_changes_nothing(restores: Restores) -> None:
    before = restores.keys()
    execution = restores.start(**HEALTHY)
    restores.asked(name_of(execution))
    assert restores.lease_is_free(), "backups go on while a person is asked"
    decline(restores.site.services, CLUSTER, name_of(execution), declined_by=OPERATOR)
    ended = restores.end_of(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "approval_declined")
    assert words(ended) == f"{OPERATOR} declined it. Nothing was changed."
    assert restores.told(name_of(execution)).status == "refused"
    assert restores.keys() == before


def test_a_restore_that_fails_before_the_point_of_no_return_is_taken_back(restores: Restores) -> None:
    """The snapshot is gone from the bucket when the nodes fetch it."""
    restores.change()
    changed, members = restores.keys(), _members(restores)
    execution = restores.start(**HEALTHY)
    run = restores.asked(name_of(execution))
    key = load_plan(restores.site.services, run).snapshot_key
    s3, bucket = restores.site.client("s3"), restores.site.info.outputs["SnapshotsBucket"]
    marker = s3.delete_object(Bucket=bucket, Key=key)["VersionId"]
    try:
        restores.approve(run.run_id)
        ended = restores.end_of(execution)
    finally:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=marker)
    assert ended["status"] == "FAILED"
    assert "the step fetch" in words(ended)
    assert "the cluster is as it was" in words(ended)
    assert restores.told(run.run_id).warnings == ()
    restores.whole()
    assert (restores.keys(), _members(restores)) == (changed, members)
    assert restores.lease_is_free()


def test_a_restore_that_is_aborted_while_it_stops_the_cluster_is_taken_back(restores: Restores) -> None:
    restores.change()
    changed, members = restores.keys(), _members(restores)
    execution = restores.start(**HEALTHY)
    run = name_of(execution)
    restores.approve(run)
    restores.at_step(run, "stop-etcd")
    again = abort_change(restores.site.services, CLUSTER, run, aborted_by=OPERATOR, sleep=time.sleep)
    assert again is not None
    ended = restores.end_of(restores.arn(again.execution))
    assert (ended["status"], ended["error"]) == ("FAILED", "run_aborted")
    assert "the cluster is as it was" in words(ended)
    restores.whole()
    assert (restores.keys(), _members(restores)) == (changed, members)
    assert restores.lease_is_free()


def test_a_restore_that_is_stopped_past_the_point_of_no_return_is_resumed_to_its_end(restores: Restores) -> None:
    """In mode full: the nodes fetch their secrets bundles too."""
    restores.change()
    execution = restores.start(mode="full", **HEALTHY)
    run = name_of(execution)
    restores.approve(run)
    restores.at_step(run, "start-etcd")
    restores.site.client("stepfunctions").stop_execution(executionArn=execution, cause="a test")
    stopped = restores.told(run)
    assert stopped.error is not None
    assert (stopped.status, stopped.error.code) == ("failed", "run_aborted")
    assert f"holdfast restore resume {run}" in stopped.error.hint
    assert restores.lease_is_free()
    again = resume_change(restores.site.services, CLUSTER, run, sleep=time.sleep)
    ended = restores.end_of(restores.arn(again.execution))
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    restores.whole()
    assert restores.keys() == ({3}, {0})
    done = [mark for mark in _journal(restores, run).marks if mark.status == "done"]
    assert {mark.attempt for mark in done if mark.step in ("swap", "swap-files")} == {1}


def test_three_fields_bring_back_a_cluster_that_has_lost_its_quorum(restores: Restores) -> None:
    restores.change()
    for name in ("n2", "n3"):
        _destroy(restores, name)
    execution = restores.start()
    run = name_of(execution)
    with restores.site.watched():
        restores.approve(run)
        ended = restores.end_of(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    outcome = Outcome.model_validate_json(ended["output"])
    assert (outcome.status, outcome.job, outcome.phase) == ("succeeded", "restore", "Finished")
    restores.whole()
    assert restores.keys() == ({3}, {0})
    stored = ChangeReport.model_validate_json(restores.site.services.reader.read(run_key(CLUSTER, run, "report.json")))
    assert stored.approval is not None
    assert stored.approval.approved_by == OPERATOR
    assert {(step.exit_code, step.status) for step in stored.steps if step.status == "done" and step.node != "-"} == {
        (0, "done")
    }
    assert restores.lease_is_free()


def test_no_call_was_outside_of_its_role(restores: Restores) -> None:
    record = [json.loads(line) for line in restores.site.home.iam_log.read_text().splitlines()]
    seen = {line["action"] for line in record}
    assert {"states:StartExecution", "states:DescribeExecution", "s3:GetObject", "dynamodb:DeleteItem"} <= seen
    assert any("bundle.tar" in line["resource"] for line in record if line["action"] == "s3:GetObject")
    assert [line for line in record if line["decision"] != "allowed"] == []


def test_no_presigned_url_and_no_key_is_written_down_anywhere(restores: Restores) -> None:
    sources = list(written_down(restores.site))
    assert any(where.endswith("runbook.md") for where, _ in sources)
    assert [(where, needle) for where, text in sources for needle in NEEDLES if needle in text] == []


def _members(restores: Restores) -> set[str]:
    facts = restores.site.cluster.client().facts()
    return {member.member_id for member in facts.members}


def _journal(restores: Restores, run: str) -> Journal:
    record = restores.record(run)
    assert record is not None
    return Journal(restores.site.services, run_of(record))


def _destroy(restores: Restores, name: str) -> None:
    """The member's database is damaged, so that it cannot start."""
    node = restores.site.cluster.node(name)
    node.stop_etcd()
    node.path(f"{DATA}/member/snap/db").write_bytes(b"damaged" * 1000)
    node.start_etcd()
