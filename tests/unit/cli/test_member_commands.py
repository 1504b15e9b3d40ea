"""`holdfast member` over doubles: who is healthy, how many may fail, and what can be replaced."""

import json

import pytest

from builders.command_line import holdfast
from builders.doubled_restores import restorable
from builders.etcd_facts import etcd_facts, failure, member, status
from builders.services import services_with
from holdfast.models.restore import ChangeRequest


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def test_healthy_members_are_shown_with_their_nodes_and_nothing_to_replace() -> None:
    services, _, _ = restorable()
    ended = holdfast("member", "status", "prod-1", services=services)
    assert ended.code == 0, ended.stderr
    assert "quorum: 3 of 3 voters are healthy, 2 are needed; 1 more may fail" in ended.stdout
    assert "replaced" not in ended.stdout
    row = next(line.split() for line in ended.stdout.splitlines() if line.startswith("n2 "))
    assert row[2:5] == ["n2", "healthy", "follower"]


def test_a_lost_member_whose_node_answers_can_be_replaced_with_the_command_shown() -> None:
    services, nodes, _ = restorable()
    nodes.dead = frozenset({"n3"})
    ended = holdfast("member", "status", "prod-1", services=services)
    assert "none may fail any more" in ended.stdout
    assert "the member n3 of n3 can be replaced: holdfast member replace prod-1 n3" in ended.stdout
    (found,) = holdfast("member", "status", "prod-1", "-o", "json", services=services).value["members"]["replacements"]
    assert (found["node"], found["refusals"]) == ("n3", [])


def test_without_quorum_nothing_can_be_replaced_and_the_reason_is_told() -> None:
    services, nodes, _ = restorable()
    nodes.dead = frozenset({"n2", "n3"})
    ended = holdfast("member", "status", "prod-1", services=services)
    assert "quorum: lost: 1 of 3 voters are healthy, 2 are needed; 1 more must come back" in ended.stdout
    assert ended.stdout.count("cannot be replaced now") == 2
    assert "quorum_would_be_lost" in ended.stdout


def test_a_node_that_is_away_is_told_with_its_reason() -> None:
    services, nodes, _ = restorable()
    nodes.silent = frozenset({"n3"})
    report = holdfast("member", "status", "prod-1", "-o", "json", services=services).value["members"]
    row = next(each for each in report["members"] if each["name"] == "n3")
    assert (row["health"], row["node"], row["db_size"]) == ("no answer", "n3", None)
    assert row["problem"]
    assert [each["code"] for each in report["replacements"][0]["refusals"]] == ["node_unreachable"]


def test_members_that_are_reached_directly_are_shown_and_replaced_by_nobody() -> None:
    services = services_with()
    services.member.known = etcd_facts(
        status(1), status(2), failures=(failure(3),), members=(member(1), member(2), member(3), member(4, name=""))
    )
    report = holdfast("member", "status", "prod-1", "-o", "json", services=services).value["members"]
    assert [row["health"] for row in report["members"]] == ["not started", "healthy", "healthy", "no answer"]
    assert (report["voters"], report["healthy"], report["may_fail"], report["replacements"]) == (4, 2, -1, [])
    assert "ssh or ssm" in report["notes"][0]


def test_replace_starts_a_run_that_waits_for_an_approval() -> None:
    services, _, _ = restorable()
    ended = holdfast("member", "replace", "prod-1", "n3", services=services)
    (name,) = services.changes.payloads
    assert json.loads(services.changes.payloads[name]) == {
        "cluster": "prod-1",
        "replace": "n3",
        "requested_by": services.identity.name,
    }
    assert ChangeRequest.model_validate_json(services.changes.payloads[name]).replace == "n3"
    assert f"holdfast restore approve {name}" in ended.stdout


def test_a_name_that_no_node_can_have_is_wrong_usage() -> None:
    services, _, _ = restorable()
    ended = holdfast("member", "replace", "prod-1", "N 3;", "-o", "json", services=services)
    assert (ended.code, ended.error["code"], services.changes.payloads) == (2, "input_invalid", {})
