"""Presigned URLs live for minutes, however long a node is at work."""

import hashlib
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from builders.doubled_nodes import DoubledNodes, nodes_spec
from builders.doubled_restores import restorable, started
from builders.doubled_runs import CLUSTER, run
from builders.services import START, MemoryServices, services_with
from holdfast.engine.backup import load_plan, start, take_snapshot
from holdfast.engine.node_snapshot import RENEWED, URL_LIFE_S, URLS
from holdfast.engine.restore.steps import StepWork
from holdfast.models.command import Command
from holdfast.models.run import BackupRequest, BackupState
from holdfast.planning.naming import run_key

HEALTHY = ("cluster_healthy",)
RUN = f"{CLUSTER}-20261120T154300Z-r-1a2b3c"
MINUTE = timedelta(minutes=1)


def life_left(services: MemoryServices, url: str) -> float:
    (until,) = parse_qs(urlsplit(url).query)["until"]
    return float(until) - services.clock().timestamp()


def listed(services: MemoryServices) -> list[str]:
    return services.bucket.read(run_key(CLUSTER, RUN, URLS)).decode().splitlines()


@pytest.fixture
def at_work() -> tuple[MemoryServices, BackupState]:
    """A node that sends for hours."""
    services = services_with(nodes_spec())
    services.transport = DoubledNodes(services).transport(looks=1)
    request = BackupRequest(cluster=CLUSTER)
    state = start(services, request, RUN, START)
    while state.pending:
        services.clock.advance(timedelta(seconds=state.pending.wait_s))
        state = start(services, request, RUN, START, state.pending)
    plan = load_plan(services, state)
    large = plan.model_copy(update={"expected_bytes": 16 * 1024**3, "part_bytes": 1024**3})
    body = large.model_dump_json().encode()
    services.bucket.put(run_key(CLUSTER, RUN, "plan.json"), body)
    state = state.model_copy(update={"plan_sha256": hashlib.sha256(body).hexdigest()})
    services.transport = DoubledNodes(services).transport(looks=1000)
    return services, take_snapshot(services, state)


def look(services: MemoryServices, state: BackupState, after: timedelta = MINUTE) -> BackupState:
    services.clock.advance(after)
    return take_snapshot(services, state)


def test_no_url_of_an_upload_lives_for_more_than_a_quarter_of_an_hour(
    at_work: tuple[MemoryServices, BackupState],
) -> None:
    services, _ = at_work
    *parts, renewal = listed(services)
    assert parts
    assert all(0 < life_left(services, url) <= URL_LIFE_S == 900 for url in parts)
    assert 0 < life_left(services, renewal.removeprefix("renew ")) <= URL_LIFE_S


def test_while_a_node_is_at_work_its_list_always_has_urls_with_minutes_left(
    at_work: tuple[MemoryServices, BackupState],
) -> None:
    services, state = at_work
    seen = set()
    for _ in range(120):
        state = look(services, state)
        assert state.pending
        *parts, renewal = listed(services)
        seen.add(parts[0])
        for url in (*parts, renewal.removeprefix("renew ")):
            # Another minute until the node looks, and one until the function does.
            assert life_left(services, url) > URL_LIFE_S - (RENEWED + 2 * MINUTE).total_seconds()
    assert 24 <= len(seen) <= 32


def test_the_list_leads_to_the_next_list(at_work: tuple[MemoryServices, BackupState]) -> None:
    """As a node goes on: from the URL that it was handed to every later list, none of which is asked for too late."""
    services, state = at_work
    url = listed(services)[-1].removeprefix("renew ")
    for _ in range(60):
        state = look(services, state)
        answer = services.grants.receive(url, method="GET")
        assert answer.status == 200
        url = answer.body.decode().splitlines()[-1].removeprefix("renew ")
    assert services.grants.receive(answer.body.decode().splitlines()[0], b"a part").status == 200


def test_a_node_is_told_where_the_urls_of_its_list_may_lead() -> None:
    """The list lies in the bucket; what the node is told comes another way."""
    services = services_with(nodes_spec())
    told: list[tuple[str, list[str]]] = []

    def note(_: str, command: Command) -> None:
        if "plan_url" in command.secrets:
            (key,) = (each for each in services.bucket.objects if each.endswith(URLS))
            told.append((command.values["only_below"], services.bucket.read(key).decode().splitlines()))

    nodes = DoubledNodes(services)
    nodes.on_command = note
    services.transport = nodes.transport()
    assert run(services).status == "succeeded"
    ((below, lines),) = told
    assert below.endswith(f"/{CLUSTER}/")
    assert all(line.removeprefix("renew ").startswith(below) for line in lines)


def test_the_lists_of_one_upload_are_for_the_same_upload(at_work: tuple[MemoryServices, BackupState]) -> None:
    services, state = at_work
    before = listed(services)
    for _ in range(5):
        state = look(services, state)
    after = listed(services)
    assert len(after) == len(before)
    assert after != before
    for old, new in zip(before[:-1], after[:-1], strict=True):
        for name in ("upload", "part"):
            assert parse_qs(urlsplit(old).query)[name] == parse_qs(urlsplit(new).query)[name]


def test_what_a_restore_hands_to_a_node_lives_as_long() -> None:
    services, _, backup = restorable()
    plan = started(services, backup=backup, mode="full", allow=HEALTHY)
    for name in ("fetch", "fetch-bundle"):
        step = plan.step(name)
        work = StepWork(services, None, None, plan, None, step)  # type: ignore[arg-type]
        for each in step.commands:
            for url in work._command(each.node).secrets.values():
                assert 0 < life_left(services, url.get_secret_value()) <= URL_LIFE_S


def test_a_bundle_is_sent_by_urls_that_live_as_long() -> None:
    services = services_with(nodes_spec())
    lives: list[float] = []
    nodes = DoubledNodes(services)
    nodes.on_command = lambda _, command: lives.extend(
        life_left(services, url.get_secret_value()) for name, url in command.secrets.items() if name != "plan_url"
    )
    services.transport = nodes.transport()
    assert run(services).status == "succeeded"
    assert len(lives) == 6
    assert all(0 < life <= URL_LIFE_S for life in lives)
