"""Cluster registry, leases and runs in one DynamoDB table; state/items.py draws it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from holdfast.aws import AwsErrors, error_code
from holdfast.errors import PermanentError
from holdfast.models.approval import Question
from holdfast.models.cluster import ClusterSpec
from holdfast.models.run import Outcome, Progress, RunRecord
from holdfast.state import failures, items

_ERRORS = AwsErrors(
    unavailable="state_unavailable",
    denied="state_access_denied",
    refused="state_refused",
    denied_hint="the role needs the dynamodb action on this table, and on its indexes for a list of runs",
)


class _Table:
    """A client and the table it speaks to. The client is thread-safe, as boto3's are."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    @contextmanager
    def _call(self, doing: str) -> Iterator[None]:
        with _ERRORS.read(doing):
            try:
                yield
            except ClientError as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise
                raise PermanentError(
                    "state_table_missing",
                    f"could not {doing}: there is no table {self._table} with the index {items.BY_START}",
                    hint="check the stack's output Table and the region; Holdfast does not create the table by itself",
                ) from error

    def _unless_the_condition_fails(self) -> AbstractContextManager[None]:
        """For writes whose failed condition means that there is nothing left to do."""
        return suppress(self._client.exceptions.ConditionalCheckFailedException)

    def _query(self, **arguments: Any) -> Iterator[items.Item]:
        """Every item of a query, page after page; the caller stops early when it has enough."""
        arguments |= {"TableName": self._table, "ConsistentRead": True}
        while True:
            page = self._client.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


class DynamoClusters(_Table):
    """The ClusterRegistry on DynamoDB."""

    def put(self, spec: ClusterSpec, *, replace: bool) -> bool:
        request: dict[str, Any] = {
            "TableName": self._table,
            "Item": items.key(items.SPECS, spec.id) | {"spec": {"S": spec.model_dump_json()}},
            "ReturnValues": "ALL_OLD",
        }
        if not replace:
            request["ConditionExpression"] = "attribute_not_exists(pk)"
        with self._call(f"store the spec of {spec.id}"):
            try:
                answer = self._client.put_item(**request)
            except self._client.exceptions.ConditionalCheckFailedException:
                raise failures.cluster_exists(spec.id) from None
        return not answer.get("Attributes")

    def get(self, cluster_id: str) -> ClusterSpec:
        with self._call(f"read the spec of {cluster_id}"):
            answer = self._client.get_item(
                TableName=self._table, Key=items.key(items.SPECS, cluster_id), ConsistentRead=True
            )
        if "Item" not in answer:
            raise failures.cluster_unknown(cluster_id)
        return items.spec_from(answer["Item"])

    def remove(self, cluster_id: str) -> bool:
        with self._call(f"remove the spec of {cluster_id}"):
            answer = self._client.delete_item(
                TableName=self._table, Key=items.key(items.SPECS, cluster_id), ReturnValues="ALL_OLD"
            )
        return bool(answer.get("Attributes"))

    def list(self) -> list[ClusterSpec]:
        return [items.spec_from(item) for item in self._items()]

    def readable(self) -> tuple[tuple[ClusterSpec, ...], dict[str, PermanentError]]:
        specs: dict[str, ClusterSpec] = {}
        unreadable: dict[str, PermanentError] = {}
        for item in self._items():
            try:
                specs[item["sk"]["S"]] = items.spec_from(item)
            except PermanentError as error:
                unreadable[item["sk"]["S"]] = error
        return tuple(specs.values()), unreadable

    def _items(self) -> tuple[items.Item, ...]:
        with self._call("list the clusters"):
            return tuple(
                self._query(
                    KeyConditionExpression="pk = :specs", ExpressionAttributeValues={":specs": {"S": items.SPECS}}
                )
            )


class DynamoLeases(_Table):
    """The Leases on DynamoDB: one conditional put decides, so two that come at once cannot both win."""

    def acquire(self, cluster_id: str, owner: str, *, now: datetime, expires_at: datetime) -> None:
        lease = items.key(items.partition(cluster_id), items.LEASE)
        lease |= {"owner": {"S": owner}, "expires_at": items.until(expires_at)}
        with self._call(f"acquire the lease of {cluster_id}"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=lease,
                    ConditionExpression="attribute_not_exists(pk) OR expires_at <= :now OR #owner = :owner",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":now": items.since(now), ":owner": {"S": owner}},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                held = error.response["Item"]
                until = items.moment_of(held["expires_at"]["N"])
                raise failures.lease_held(cluster_id, held["owner"]["S"], until) from None

    def renew(self, cluster_id: str, owner: str, *, expires_at: datetime) -> None:
        with self._call(f"renew the lease of {cluster_id}"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=items.key(items.partition(cluster_id), items.LEASE),
                    UpdateExpression="SET expires_at = :until",
                    ConditionExpression="#owner = :owner",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":until": items.until(expires_at), ":owner": {"S": owner}},
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                raise failures.lease_lost(cluster_id, owner) from None

    def release(self, cluster_id: str, owner: str) -> None:
        with self._call(f"release the lease of {cluster_id}"), self._unless_the_condition_fails():
            self._client.delete_item(
                TableName=self._table,
                Key=items.key(items.partition(cluster_id), items.LEASE),
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )


class DynamoFreshnessNotes(_Table):
    """The FreshnessNotes on DynamoDB: an item per cluster that has findings."""

    def told(self) -> dict[str, tuple[str, ...]]:
        with self._call("read what was told of the clusters' freshness"):
            found = self._query(
                KeyConditionExpression="pk = :told", ExpressionAttributeValues={":told": {"S": items.TOLD}}
            )
            return dict(items.told_from(item) for item in found)

    def remember(self, cluster_id: str, codes: tuple[str, ...]) -> None:
        with self._call(f"remember what was told of {cluster_id}"):
            if codes:
                self._client.put_item(TableName=self._table, Item=items.told_item(cluster_id, codes))
            else:
                self._client.delete_item(TableName=self._table, Key=items.key(items.TOLD, cluster_id))


class DynamoRuns(_Table):
    """The Runs on DynamoDB."""

    def open(self, record: RunRecord) -> None:
        with self._call(f"open the run {record.run_id}"), self._unless_the_condition_fails():
            item, new = items.item_of(record), "attribute_not_exists(pk)"
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression=new)

    def reopen(self, record: RunRecord, *, was: RunRecord) -> bool:
        ended = "attribute_exists" if was.outcome else "attribute_not_exists"
        with self._call(f"open the run {record.run_id} again"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=items.item_of(record),
                    ConditionExpression="attribute_not_exists(pk) OR ("
                    "(attribute_not_exists(#execution) OR #execution = :execution) AND "
                    f"{ended}(#outcome))",
                    ExpressionAttributeNames={"#execution": "execution", "#outcome": "outcome"},
                    ExpressionAttributeValues={":execution": {"S": was.execution}},
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def ask(self, cluster_id: str, run_id: str, question: Question | None) -> None:
        request: dict[str, Any] = {"UpdateExpression": "REMOVE question"}
        if question is not None:
            values = {":question": {"S": question.model_dump_json()}}
            request = {"UpdateExpression": "SET question = :question", "ExpressionAttributeValues": values}
        request["ExpressionAttributeNames"] = {"#outcome": "outcome"}
        with self._call(f"note the question of {run_id}"), self._unless_the_condition_fails():
            self._client.update_item(
                TableName=self._table,
                Key=items.run_key(cluster_id, run_id),
                ConditionExpression="attribute_exists(pk) AND attribute_not_exists(#outcome)",
                **request,
            )

    def bind(self, cluster_id: str, run_id: str, name: str, sha256: str) -> None:
        with self._call(f"note the SHA-256 of {name} of {run_id}"), self._unless_the_condition_fails():
            self._client.update_item(
                TableName=self._table,
                Key=items.run_key(cluster_id, run_id),
                UpdateExpression="SET #bound = :sha256",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#bound": items.BOUND + name},
                ExpressionAttributeValues={":sha256": {"S": sha256}},
            )

    def progress(self, cluster_id: str, run_id: str, progress: Progress) -> None:
        with self._call(f"note the progress of {run_id}"), self._unless_the_condition_fails():
            self._client.update_item(
                TableName=self._table,
                Key=items.run_key(cluster_id, run_id),
                UpdateExpression="SET #progress = :progress",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#progress": "progress"},
                ExpressionAttributeValues={":progress": {"S": progress.model_dump_json()}},
            )

    def close(self, outcome: Outcome) -> None:
        unopened = items.record_of(outcome)
        with self._call(f"close the run {outcome.run_id}"):
            self._client.update_item(
                TableName=self._table,
                Key=items.run_key(outcome.cluster_id, outcome.run_id),
                UpdateExpression="SET #outcome = :outcome, #record = if_not_exists(#record, :record), "
                "started_at = if_not_exists(started_at, :started_at), "
                "remove_after = if_not_exists(remove_after, :remove_after)",
                ExpressionAttributeNames={"#outcome": "outcome", "#record": "record"},
                ExpressionAttributeValues={
                    ":outcome": {"S": outcome.model_dump_json()},
                    ":record": {"S": unopened.model_dump_json()},
                    ":started_at": items.started_at(outcome.started_at),
                    ":remove_after": items.remove_after(outcome.started_at),
                },
            )

    def get(self, cluster_id: str, run_id: str) -> RunRecord:
        with self._call(f"read the run {run_id}"):
            answer = self._client.get_item(
                TableName=self._table, Key=items.run_key(cluster_id, run_id), ConsistentRead=True
            )
        if "Item" not in answer:
            raise failures.run_unknown(cluster_id, run_id)
        return items.run_from(answer["Item"])

    def list(self, cluster_id: str, limit: int) -> list[RunRecord]:
        with self._call(f"list the runs of {cluster_id}"):
            found = islice(
                self._query(
                    IndexName=items.BY_START,
                    KeyConditionExpression="pk = :cluster",
                    ExpressionAttributeValues={":cluster": {"S": items.partition(cluster_id)}},
                    ScanIndexForward=False,
                    Limit=limit,
                ),
                limit,
            )
            return [items.run_from(item) for item in found]
