"""What is DynamoDB's own about the stored state: pages, the time to live, other versions' items, answers and errors."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from builders.moto_aws import TABLE, AnswersWith, create_table, moto_aws
from builders.runs import NOON, failed, run_record, succeeded
from builders.specs import cluster_spec
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.run import Progress
from holdfast.state.dynamodb import DynamoClusters, DynamoLeases, DynamoRuns

SOON = NOON + timedelta(minutes=15)


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


def test_a_spec_that_another_version_wrote_does_not_hide_the_others() -> None:
    with moto_aws() as client:
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        clusters = DynamoClusters(dynamodb, TABLE)
        for name in ("prod-1", "prod-3"):
            clusters.put(cluster_spec(name), replace=False)
        newer = cluster_spec("prod-2").model_dump_json().replace('"driver"', '"colour":"blue","driver"')
        dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "CLUSTERS"}, "sk": {"S": "prod-2"}, "spec": {"S": newer}})
        specs, unreadable = clusters.readable()

    assert [spec.id for spec in specs] == ["prod-1", "prod-3"]
    assert {name: error.code for name, error in unreadable.items()} == {"prod-2": "cluster_unreadable"}


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
