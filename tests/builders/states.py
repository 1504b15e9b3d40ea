"""The implementations of the state contracts: in memory, and DynamoDB (on moto)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from builders.moto_aws import TABLE, OneCallAtATime, create_table, moto_aws
from holdfast.state.base import ClusterRegistry, FreshnessNotes, Leases, Runs
from holdfast.state.dynamodb import DynamoClusters, DynamoFreshnessNotes, DynamoLeases, DynamoRuns
from holdfast.state.memory import MemoryClusters, MemoryFreshnessNotes, MemoryLeases, MemoryRuns


@dataclass(frozen=True)
class State:
    clusters: ClusterRegistry
    leases: Leases
    runs: Runs
    notes: FreshnessNotes


@contextmanager
def memory() -> Iterator[State]:
    yield State(MemoryClusters(), MemoryLeases(), MemoryRuns(), MemoryFreshnessNotes())


@contextmanager
def dynamodb() -> Iterator[State]:
    with moto_aws() as client:
        created = client("dynamodb")
        create_table(created)
        one = OneCallAtATime(created)
        yield State(
            DynamoClusters(one, TABLE),
            DynamoLeases(one, TABLE),
            DynamoRuns(one, TABLE),
            DynamoFreshnessNotes(one, TABLE),
        )
