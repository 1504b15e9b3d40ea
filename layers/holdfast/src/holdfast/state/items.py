"""The items of the one DynamoDB table, as DynamoDB spells them. template.yaml declares the same keys and index.

| item  | pk             | sk          | attributes                                                      |
|-------|----------------|-------------|-----------------------------------------------------------------|
| spec  | `CLUSTERS`     | `<id>`      | spec (JSON)                                                     |
| lease | `CLUSTER#<id>` | `LEASE`     | owner, expires_at (epoch seconds)                               |
| told  | `FRESHNESS`    | `<id>`      | codes (JSON list of the findings that were told)                |
| run   | `CLUSTER#<id>` | `RUN#<run>` | record, progress, question, outcome (JSON), execution, started_at |

All specs share one partition, so that listing them is one Query. Runs are listed by the local secondary index
`by_start` on started_at: a run started from the console is named by a UUID, so names do not sort by time. Only runs
carry started_at, so only they are in the index. They have `remove_after` too, the table's time to live, and
`bound:<name>` for each object of theirs in the bucket that is believed by its SHA-256 only.
"""

import json
import math
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from holdfast.errors import PermanentError
from holdfast.models.approval import Question
from holdfast.models.cluster import ClusterSpec
from holdfast.models.run import Outcome, Progress, RunRecord

type Item = dict[str, dict[str, str]]

SPECS = "CLUSTERS"
LEASE = "LEASE"
TOLD = "FRESHNESS"
BY_START = "by_start"
# One attribute for each object, so that two that are noted at once do not lose one.
BOUND = "bound:"
KEEP_RUNS = timedelta(days=400)


def key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def partition(cluster_id: str) -> str:
    return f"CLUSTER#{cluster_id}"


def told_item(cluster_id: str, codes: tuple[str, ...]) -> Item:
    return key(TOLD, cluster_id) | {"codes": {"S": json.dumps(codes)}}


def told_from(item: Item) -> tuple[str, tuple[str, ...]]:
    return item["sk"]["S"], tuple(json.loads(item["codes"]["S"]))


def run_key(cluster_id: str, run_id: str) -> Item:
    return key(partition(cluster_id), f"RUN#{run_id}")


def until(moment: datetime) -> dict[str, str]:
    """Whole epoch seconds, rounded up: a lease never ends earlier than it was promised."""
    return {"N": str(math.ceil(moment.timestamp()))}


def since(moment: datetime) -> dict[str, str]:
    return {"N": str(math.floor(moment.timestamp()))}


def moment_of(number: str) -> datetime:
    return datetime.fromtimestamp(int(number), UTC)


def started_at(moment: datetime) -> dict[str, str]:
    """Fixed width, so that strings sort as the moments do."""
    return {"S": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}


def remove_after(moment: datetime) -> dict[str, str]:
    return until(moment + KEEP_RUNS)


def record_of(outcome: Outcome) -> RunRecord:
    """The record of a run that was never opened: its outcome is all that is known."""
    return RunRecord(
        run_id=outcome.run_id,
        job=outcome.job,
        cluster_id=outcome.cluster_id,
        backup_id=outcome.backup_id,
        kind=outcome.kind,
        status=outcome.status,
        started_at=outcome.started_at,
        progress=Progress(phase=outcome.phase),
    )


def closed(record: RunRecord, outcome: Outcome) -> RunRecord:
    changes = {
        "outcome": outcome,
        "question": None,
        "status": outcome.status,
        "backup_id": outcome.backup_id or record.backup_id,
    }
    return record.model_copy(update=changes)


def item_of(record: RunRecord) -> Item:
    return run_key(record.cluster_id, record.run_id) | {
        "record": {"S": record.model_dump_json()},
        "execution": {"S": record.execution},
        "started_at": started_at(record.started_at),
        "remove_after": remove_after(record.started_at),
    }


def run_from(item: Item) -> RunRecord:
    record = RunRecord.model_validate_json(item["record"]["S"])
    if "progress" in item:
        record = record.model_copy(update={"progress": Progress.model_validate_json(item["progress"]["S"])})
    if "question" in item:
        record = record.model_copy(update={"question": Question.model_validate_json(item["question"]["S"])})
    bound = {name.removeprefix(BOUND): value["S"] for name, value in item.items() if name.startswith(BOUND)}
    if bound:
        record = record.model_copy(update={"bound": record.bound | bound})
    if "outcome" in item:
        record = closed(record, Outcome.model_validate_json(item["outcome"]["S"]))
    return record


def spec_from(item: Item) -> ClusterSpec:
    """A spec is as strict in the table as in a file: one that another version wrote may not be readable here."""
    try:
        return ClusterSpec.model_validate_json(item["spec"]["S"])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise PermanentError(
            "cluster_unreadable",
            f"the stored spec of {item['sk']['S']} is not valid for this version: {where}: {first['msg']}",
            hint="use the version of Holdfast that wrote it, or apply its file again with --replace",
        ) from error
