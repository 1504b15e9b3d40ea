"""`holdfast csr` over doubles: what waits, what would become of it, and the run that approves."""

import json

import pytest

from builders.command_line import holdfast
from builders.csr_nodes import csr_services
from builders.csrs import client, page
from builders.services import services_with


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def test_requests_of_all_pages_are_shown_with_their_reasons() -> None:
    ended = holdfast("csr", "list", "prod-1", services=csr_services())
    assert ended.code == 0, ended.stderr
    rows = [line.split()[:5] for line in ended.stdout.splitlines()[1:4]]
    assert rows == [
        ["approve", "csr-client", "client", "worker-1", "returns:"],
        ["refuse", "csr-d", "client", "worker-2", "node_ready:"],
        ["approve", "csr-e", "serving", "worker-1", "own_addresses:"],
    ]
    assert "2 of 3 requests would be approved, as n2 tells" in ended.stdout
    assert "holdfast csr approve prod-1" in ended.stdout


def test_a_node_that_is_named_may_join() -> None:
    services = csr_services(page(client("worker-3")))
    refused = holdfast("csr", "list", "prod-1", "-o", "json", services=services).value["csrs"]["requests"]
    assert [each["code"] for each in refused] == ["node_unknown"]
    named = holdfast("csr", "list", "prod-1", "--node", "worker-3", "-o", "json", services=services).value
    assert [each["code"] for each in named["csrs"]["requests"]] == ["named"]


def test_nothing_that_waits_is_a_result_too() -> None:
    ended = holdfast("csr", "list", "prod-1", services=csr_services(page(not_ready=[], not_ready_count=0)))
    assert ended.stdout == "0 of 0 requests would be approved, as n2 tells\n"


def test_when_no_host_tells_the_reason_is_told() -> None:
    services = csr_services({"nonsense": True})
    ended = holdfast("csr", "list", "prod-1", services=services)
    assert ended.code != 0
    assert "node_output_unreadable" in ended.stderr


def test_a_run_is_started_for_the_nodes_that_are_named() -> None:
    services = csr_services()
    ended = holdfast("csr", "approve", "prod-1", "--node", "worker-3", "-o", "json", services=services)
    assert ended.code == 0, ended.stderr
    run = ended.value["started"]["run_id"]
    request = json.loads(services.changes.payloads[run])
    assert (request["csrs"], request["nodes"]) == (True, ["worker-3"])


@pytest.mark.parametrize("command", ["list", "approve"])
def test_elsewhere_than_on_openshift_nobody_approves_requests(command: str) -> None:
    ended = holdfast("csr", command, "prod-1", services=services_with())
    assert ended.code == 3
    assert "mode_unsupported" in ended.stderr


def test_what_cannot_be_a_node_is_refused() -> None:
    ended = holdfast("csr", "approve", "prod-1", "--node", "worker 3", services=csr_services())
    assert "input_invalid" in ended.stderr
