"""What every implementation of the state contracts keeps: in memory, and DynamoDB (on moto)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from builders.moto_aws import TABLE, AnswersWith, OneCallAtATime, create_table, moto_aws
from builders.runs import NOON, failed, run_record, succeeded
from builders.specs import cluster_spec
from holdfast.errors import HoldfastError, PermanentError, RefusedError, TransientError
from holdfast.models.run import Progress
from holdfast.state.base import ClusterRegistry, Leases, Runs
from holdfast.state.dynamodb import DynamoClusters, DynamoLeases, DynamoRuns
from holdfast.state.memory import MemoryClusters, MemoryLeases, MemoryRuns

SOON = NOON + timedelta(minutes=15)


@dataclass(frozen=True)
class State:
    clusters: ClusterRegistry
    leases: Leases
    runs: Runs


@pytest.fixture(params=["memory", "dynamodb"])
def state(request: pytest.FixtureRequest) -> Iterator[State]:
    if request.param == "memory":
        yield State(MemoryClusters(), MemoryLeases(), MemoryRuns())
        return
    with moto_aws() as client:
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        one = OneCallAtATime(dynamodb)
        yield State(DynamoClusters(one, TABLE), DynamoLeases(one, TABLE), DynamoRuns(one, TABLE))


def test_a_spec_comes_back_as_it_was_stored(state: State) -> None:
    spec = cluster_spec(description="the one in Frankfurt", retention={"keep_last": 7})

    assert state.clusters.put(spec, replace=False) is True
    assert state.clusters.get("prod-1") == spec


def test_a_second_cluster_with_the_same_id_is_refused(state: State) -> None:
    first = cluster_spec(description="first")
    state.clusters.put(first, replace=False)

    with pytest.raises(RefusedError) as caught:
        state.clusters.put(cluster_spec(description="second"), replace=False)

    assert caught.value.code == "cluster_exists"
    assert state.clusters.get("prod-1") == first


def test_a_spec_is_replaced_on_purpose(state: State) -> None:
    state.clusters.put(cluster_spec(description="first"), replace=True)

    assert state.clusters.put(cluster_spec(description="second"), replace=True) is False
    assert state.clusters.get("prod-1").description == "second"


def test_an_unknown_cluster_is_named(state: State) -> None:
    with pytest.raises(PermanentError, match="prod-9") as caught:
        state.clusters.get("prod-9")

    assert caught.value.code == "cluster_unknown"


def test_specs_are_listed_by_id_and_a_removed_one_is_gone(state: State) -> None:
    for cluster_id in ("prod-2", "alpha", "prod-1"):
        state.clusters.put(cluster_spec(cluster_id), replace=False)

    assert state.clusters.remove("prod-1") is True
    assert state.clusters.remove("prod-1") is False
    assert [spec.id for spec in state.clusters.list()] == ["alpha", "prod-2"]


def test_a_lease_that_is_held_is_refused_with_its_owner_and_its_end(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)

    with pytest.raises(RefusedError) as caught:
        state.leases.acquire("prod-1", "run-b", now=NOON + timedelta(minutes=14), expires_at=SOON)

    assert caught.value.code == "lease_held"
    assert "run-a" in caught.value.message
    assert "2026-11-20T12:15:00Z" in caught.value.message


def test_a_lease_is_taken_again_by_its_owner_for_longer(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON + timedelta(minutes=5))

    with pytest.raises(RefusedError, match="12:20:00"):
        state.leases.acquire("prod-1", "run-b", now=SOON, expires_at=SOON)


def test_an_expired_lease_is_taken_over(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.acquire("prod-1", "run-b", now=SOON, expires_at=SOON + timedelta(minutes=15))

    with pytest.raises(RefusedError, match="run-b"):
        state.leases.acquire("prod-1", "run-a", now=SOON, expires_at=SOON)


def test_a_released_lease_is_free_and_only_its_owner_releases_it(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.release("prod-1", "run-b")
    with pytest.raises(RefusedError, match="run-a"):
        state.leases.acquire("prod-1", "run-b", now=NOON, expires_at=SOON)

    state.leases.release("prod-1", "run-a")
    state.leases.acquire("prod-1", "run-b", now=NOON, expires_at=SOON)


def test_releasing_what_nobody_holds_is_no_error(state: State) -> None:
    state.leases.release("prod-1", "run-a")


def test_leases_of_two_clusters_do_not_meet(state: State) -> None:
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
    state.leases.acquire("prod-2", "run-b", now=NOON, expires_at=SOON)


def test_of_several_that_come_at_once_one_gets_the_lease(state: State) -> None:
    runners = 4
    for round_number in range(15):
        cluster, gate = f"c-{round_number}", Barrier(runners)

        def come(owner: str, cluster: str = cluster, gate: Barrier = gate) -> str | None:
            gate.wait()
            try:
                state.leases.acquire(cluster, owner, now=NOON, expires_at=SOON)
            except RefusedError:
                return None
            return owner

        with ThreadPoolExecutor(runners) as pool:
            winners = [owner for owner in pool.map(come, "abcd") if owner]
        assert len(winners) == 1


def test_an_expired_lease_is_taken_over_by_one_of_several(state: State) -> None:
    runners = 4
    for round_number in range(15):
        cluster, gate = f"c-{round_number}", Barrier(runners)
        state.leases.acquire(cluster, "dead", now=NOON - timedelta(hours=1), expires_at=NOON)

        def come(owner: str, cluster: str = cluster, gate: Barrier = gate) -> str | None:
            gate.wait()
            try:
                state.leases.acquire(cluster, owner, now=NOON, expires_at=SOON)
            except RefusedError:
                return None
            return owner

        with ThreadPoolExecutor(runners) as pool:
            assert len([owner for owner in pool.map(come, "abcd") if owner]) == 1


def test_a_run_is_opened_moved_on_and_closed(state: State) -> None:
    record = run_record()
    state.runs.open(record)
    assert state.runs.get("prod-1", record.run_id) == record

    progress = Progress(phase="Snapshot", done=5, total=9)
    state.runs.progress("prod-1", record.run_id, progress)
    assert state.runs.get("prod-1", record.run_id) == record.model_copy(update={"progress": progress})

    outcome = succeeded(record.run_id)
    state.runs.close(outcome)
    closed = state.runs.get("prod-1", record.run_id)
    assert (closed.status, closed.outcome, closed.progress) == ("succeeded", outcome, progress)
    assert closed.started_at == record.started_at


def test_a_second_open_leaves_the_first(state: State) -> None:
    record = run_record()
    state.runs.open(record)
    state.runs.progress("prod-1", record.run_id, Progress(phase="Seal"))

    state.runs.open(run_record(started_at=NOON + timedelta(minutes=1)))

    kept = state.runs.get("prod-1", record.run_id)
    assert (kept.started_at, kept.progress.phase) == (NOON, "Seal")


def test_a_run_that_was_never_opened_is_closed_all_the_same(state: State) -> None:
    state.runs.close(failed(run_id="manual-run", backup_id=None))

    record = state.runs.get("prod-1", "manual-run")
    assert (record.status, record.started_at, record.progress.phase) == ("failed", NOON, "Snapshot")
    assert [each.run_id for each in state.runs.list("prod-1", 10)] == ["manual-run"]


def test_a_later_outcome_replaces_the_earlier(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.close(succeeded("run-a"))
    state.runs.close(failed(run_id="run-a", phase="Finished"))

    assert state.runs.get("prod-1", "run-a").status == "failed"


def test_an_outcome_without_a_backup_id_keeps_the_one_of_the_record(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.close(failed(run_id="run-a", backup_id=None))

    assert state.runs.get("prod-1", "run-a").backup_id == run_record().backup_id


def test_progress_of_a_run_that_was_never_opened_stores_nothing(state: State) -> None:
    state.runs.progress("prod-1", "ghost", Progress(phase="Snapshot"))

    with pytest.raises(PermanentError, match="ghost") as caught:
        state.runs.get("prod-1", "ghost")
    assert caught.value.code == "run_unknown"
    assert state.runs.list("prod-1", 10) == []


def test_runs_are_listed_newest_first_whatever_their_names(state: State) -> None:
    """A run started from the console is named by a UUID."""
    names = ("prod-1-20261120T120000Z-r-1a2b3c", "f0e1d2c3", "00000000", "prod-1-20261120T120300Z-m-1a2b3c")
    for minute, name in enumerate(names):
        state.runs.open(run_record(name, started_at=NOON + timedelta(minutes=minute)))
    state.runs.open(run_record("elsewhere", cluster_id="prod-2"))
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=SOON)

    assert [record.run_id for record in state.runs.list("prod-1", 3)] == [*reversed(names[1:])]
    assert len(state.runs.list("prod-1", 100)) == 4
    assert state.runs.list("prod-9", 5) == []


def test_a_list_of_runs_shows_how_they_ended(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.close(succeeded("run-a"))

    assert [record.status for record in state.runs.list("prod-1", 1)] == ["succeeded"]


def test_more_runs_than_one_page_are_listed() -> None:
    """DynamoDB ends a page at 1 MiB, moto too."""
    with moto_aws() as client:
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        runs = DynamoRuns(dynamodb, TABLE)
        for number in range(8):
            started = NOON + timedelta(minutes=number)
            runs.open(run_record(f"run-{number}", started_at=started))
            runs.close(succeeded(f"run-{number}", started_at=started, warnings=("w" * 300_000,)))

        assert [record.run_id for record in runs.list("prod-1", 7)] == [f"run-{number}" for number in range(7, 0, -1)]


def test_records_of_runs_go_by_themselves_and_nothing_else_does() -> None:
    """`remove_after` is the table's TTL attribute: 400 days after the start, in epoch seconds."""
    with moto_aws() as client:
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        DynamoRuns(dynamodb, TABLE).open(run_record("run-a"))
        DynamoRuns(dynamodb, TABLE).close(failed(run_id="run-b"))
        DynamoClusters(dynamodb, TABLE).put(cluster_spec(), replace=False)
        DynamoLeases(dynamodb, TABLE).acquire("prod-1", "run-a", now=NOON, expires_at=SOON)
        stored = dynamodb.scan(TableName=TABLE)["Items"]

    ends = {item["sk"]["S"]: item.get("remove_after", {}).get("N") for item in stored}
    in_400_days = str(int((NOON + timedelta(days=400)).timestamp()))
    assert ends == {"RUN#run-a": in_400_days, "RUN#run-b": in_400_days, "prod-1": None, "LEASE": None}


def test_a_spec_that_another_version_wrote_is_named_and_not_a_traceback() -> None:
    with moto_aws() as client:
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        newer = cluster_spec().model_dump_json().replace('"driver"', '"colour":"blue","driver"')
        item = {"pk": {"S": "CLUSTERS"}, "sk": {"S": "prod-1"}, "spec": {"S": newer}}
        dynamodb.put_item(TableName=TABLE, Item=item)

        with pytest.raises(PermanentError, match=r"prod-1.*colour") as caught:
            DynamoClusters(dynamodb, TABLE).get("prod-1")

    assert caught.value.code == "cluster_unreadable"


CALLS: list[Callable[[Any], object]] = [
    lambda client: DynamoClusters(client, TABLE).put(cluster_spec(), replace=False),
    lambda client: DynamoClusters(client, TABLE).get("prod-1"),
    lambda client: DynamoClusters(client, TABLE).list(),
    lambda client: DynamoClusters(client, TABLE).remove("prod-1"),
    lambda client: DynamoLeases(client, TABLE).acquire("prod-1", "run-a", now=NOON, expires_at=SOON),
    lambda client: DynamoLeases(client, TABLE).release("prod-1", "run-a"),
    lambda client: DynamoRuns(client, TABLE).open(run_record()),
    lambda client: DynamoRuns(client, TABLE).progress("prod-1", "run-a", Progress(phase="Seal")),
    lambda client: DynamoRuns(client, TABLE).close(succeeded()),
    lambda client: DynamoRuns(client, TABLE).get("prod-1", "run-a"),
    lambda client: DynamoRuns(client, TABLE).list("prod-1", 5),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "status", "family", "code"),
    [
        ("ProvisionedThroughputExceededException", 400, TransientError, "state_unavailable"),
        ("ThrottlingException", 400, TransientError, "state_unavailable"),
        ("InternalServerError", 500, TransientError, "state_unavailable"),
        ("", 503, TransientError, "state_unavailable"),
        ("AccessDeniedException", 400, PermanentError, "state_access_denied"),
        ("ExpiredTokenException", 400, PermanentError, "state_access_denied"),
        ("ValidationException", 400, PermanentError, "state_refused"),
    ],
)
def test_what_dynamodb_answers_is_read(
    call: Callable[[Any], object], answer: str, status: int, family: type[HoldfastError], code: str
) -> None:
    with moto_aws() as client, pytest.raises(family) as caught:
        call(AnswersWith(client("dynamodb"), answer, status))

    assert caught.value.code == code


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_table_is_named(call: Callable[[Any], object]) -> None:
    with moto_aws() as client, pytest.raises(PermanentError, match=TABLE) as caught:
        call(client("dynamodb"))

    assert caught.value.code == "state_table_missing"


@pytest.mark.parametrize(
    ("double", "method", "arguments"),
    [
        (MemoryClusters(), "get", ("prod-1",)),
        (MemoryRuns(), "get", ("prod-1", "run-a")),
        (MemoryLeases(), "release", ("prod-1", "run-a")),
    ],
)
def test_a_double_fails_as_often_as_it_is_told(double: Any, method: str, arguments: tuple[str, ...]) -> None:
    planned = [TransientError("state_unavailable", "first"), TransientError("state_unavailable", "second")]
    double.fail(method, *planned)

    for expected in planned:
        with pytest.raises(TransientError) as caught:
            getattr(double, method)(*arguments)
        assert caught.value is expected
    with pytest.raises(AttributeError, match="no method"):
        double.fail("no_such_method", *planned)
