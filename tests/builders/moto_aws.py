"""Clients of moto in this process, and what the stack would have made for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.config import DefaultConfig

REGION = "eu-central-1"
ACCOUNT = "123456789012"
TABLE = "holdfast"


# One for all tests: it keeps the models of the services, which take 20 times as long to read as a client to make.
SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@contextmanager
def moto_aws(config: DefaultConfig | None = None) -> Iterator[Callable[[str], Any]]:
    """A function that makes clients. State lives as long as the block."""
    with mock_aws(config=config):
        yield lambda service: SESSION.client(
            service, config=Config(retries={"mode": "standard", "total_max_attempts": 1})
        )


def create_table(dynamodb: Any) -> None:
    """The table as template.yaml declares it: two string keys, and the local index by_start for lists of runs."""
    key = [{"AttributeName": "pk", "KeyType": "HASH"}]
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "started_at")],
        KeySchema=[*key, {"AttributeName": "sk", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by_start",
                "KeySchema": [*key, {"AttributeName": "started_at", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


class OneCallAtATime:
    """A client whose calls exclude each other: DynamoDB decides one write of an item at a time, moto takes no lock."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not callable(attribute):
            return attribute

        def call(**arguments: Any) -> Any:
            with self._lock:
                return attribute(**arguments)

        return call


class AnswersWith:
    """A client whose every call is answered by AWS with one error: for the codes that moto never gives."""

    def __init__(self, client: Any, code: str, status: int = 400, message: str = "on demand") -> None:
        self._error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
        self.exceptions = client.exceptions

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            raise ClientError(self._error, name)

        return call
