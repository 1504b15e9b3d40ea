"""EventBridge Scheduler that fires: LocalStack stores schedules (in moto) and never invokes a target.

Left out: the flexible time window (fires at its start), dead-letter queues, universal targets. Retries follow the
schedule's policy but stop after five attempts and wait seconds, not minutes.
"""

import json
import logging
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from botocore.exceptions import BotoCoreError, ClientError

from holdfast.local.plugin.expressions import next_due

LOG = logging.getLogger("localstack.holdfast.scheduler")
TICK_S = 0.2
_MICROSECOND = datetime.resolution
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Firing:
    arn: str
    region: str
    target: dict[str, Any]
    due: datetime


@dataclass(frozen=True)
class Watched:
    """`version` changes with every update of the schedule: then its next time is worked out anew."""

    version: tuple[object, ...]
    due: datetime | None


class Clock:
    """Knows for each schedule when it is due next. `tick` returns what fires now; the caller sends it."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}

    def tick(self, schedules: list[tuple[str, Any]], now: datetime) -> list[Firing]:
        """`schedules` are (region, moto Schedule) pairs."""
        seen = {schedule.arn: self._watch(schedule, now) for _, schedule in schedules}
        firings = []
        for region, schedule in schedules:
            watched = seen[schedule.arn]
            if watched.due is not None and watched.due <= now:
                firings.append(Firing(schedule.arn, region, schedule.target, watched.due))
                seen[schedule.arn] = Watched(watched.version, _due(schedule, after=now))
        self._watched = seen
        return firings

    def _watch(self, schedule: Any, now: datetime) -> Watched:
        known = self._watched.get(schedule.arn)
        version = (schedule.last_modified_date, schedule.schedule_expression, schedule.state)
        if known is not None and known.version == version:
            return known
        begin = min(now, _moment(schedule.last_modified_date))
        # Just before, so that a rate schedule is due at the moment of its creation.
        return Watched(version, _due(schedule, after=begin.replace(microsecond=0) - _MICROSECOND))


def _due(schedule: Any, after: datetime) -> datetime | None:
    if schedule.state not in ("ENABLED", None):  # moto keeps None after an update without a state; AWS means ENABLED
        return None
    start = _moment(schedule.start_date or schedule.last_modified_date).replace(microsecond=0)
    if schedule.start_date:
        after = max(after, start - _MICROSECOND)
    try:
        zone = ZoneInfo(schedule.schedule_expression_timezone)
        due = next_due(schedule.schedule_expression, zone, start, after)
    except (ValueError, ZoneInfoNotFoundError) as error:
        LOG.error("schedule %s never fires here: %s", schedule.arn, error)
        return None
    ends = schedule.end_date and _moment(schedule.end_date)
    return None if due is None or (ends and due > ends) else due


def _moment(value: Any) -> datetime:
    """moto keeps dates as it got them: epoch seconds or ISO text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        return datetime.fromisoformat(value).astimezone(UTC)
    return datetime.fromtimestamp(float(value), UTC)


def filled_input(text: str, firing: Firing, execution_id: str, attempt: int) -> str:
    """The context attributes of EventBridge Scheduler in the target's input."""
    for keyword, value in {
        "<aws.scheduler.scheduled-time>": firing.due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.schedule-arn>": firing.arn,
        "<aws.scheduler.execution-id>": execution_id,
        "<aws.scheduler.attempt-number>": str(attempt),
    }.items():
        text = text.replace(keyword, value)
    return text


def deliver(firing: Firing) -> None:
    """Assumes the schedule's role and invokes its target, again when that fails."""
    execution_id = uuid.uuid4().hex[:16]
    retries = firing.target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 0)
    last = min(MAX_ATTEMPTS, 1 + retries)
    for attempt in range(1, last + 1):
        try:
            _invoke(firing, filled_input(firing.target.get("Input") or "{}", firing, execution_id, attempt))
        except (BotoCoreError, ClientError, ValueError) as error:
            LOG.warning("schedule %s, attempt %d of %d failed: %s", firing.arn, attempt, last, error)
            time.sleep(min(8, 2 ** (attempt - 1)) if attempt < last else 0)
        else:
            LOG.info("schedule %s fired for %s", firing.arn, firing.due.isoformat())
            return


def _invoke(firing: Firing, text: str) -> None:
    from localstack.aws.connect import connect_to

    arn = firing.target["Arn"]
    service = arn.split(":")[2]
    clients = connect_to.with_assumed_role(
        role_arn=firing.target["RoleArn"], service_principal="scheduler", region_name=firing.region
    )
    if service == "lambda":
        clients.get_client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=text)
    elif service == "states":
        json.loads(text)  # AWS refuses an input that is not JSON; LocalStack would start the execution
        clients.get_client("stepfunctions").start_execution(stateMachineArn=arn, input=text)
    else:
        raise ValueError(f"target {arn}: only Lambda functions and state machines are fired here")


def _all_schedules() -> list[tuple[str, Any]]:
    from moto.scheduler.models import scheduler_backends

    return [
        (region, schedule)
        for account in list(scheduler_backends.values())
        for region, backend in list(account.items())
        for group in list(backend.schedule_groups.values())
        for schedule in list(group.schedules.values())
    ]


def _run() -> None:
    clock = Clock()
    workers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="scheduler-delivery")
    while True:
        time.sleep(TICK_S)
        for firing in clock.tick(_all_schedules(), datetime.now(UTC)):
            workers.submit(deliver, firing).add_done_callback(_tell)


def _tell(delivery: Future[None]) -> None:
    """A worker's exception is kept in its future, where nobody would see it."""
    if (error := delivery.exception()) is not None:
        LOG.error("a delivery ended in an unexpected error", exc_info=error)


def start() -> None:
    threading.Thread(target=_run, daemon=True, name="scheduler-clock").start()
