"""What every scheduler keeps: in memory, and EventBridge Scheduler (on moto)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from builders.moto_aws import ACCOUNT, REGION, AnswersWith, moto_aws
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.schedule import ScheduleRequest
from holdfast.schedules.base import Schedules
from holdfast.schedules.eventbridge import EventBridgeSchedules
from holdfast.schedules.memory import MemorySchedules

GROUP = "holdfast-clusters"
TARGET = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:start-backup"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/schedule"


def eventbridge(client: Any) -> EventBridgeSchedules:
    return EventBridgeSchedules(client, group=GROUP, target_arn=TARGET, role_arn=ROLE)


def request_of(cluster_id: str = "prod-1", **changes: Any) -> ScheduleRequest:
    fields = {
        "cluster_id": cluster_id,
        "expression": "cron(0 3 * * ? *)",
        "timezone": "Europe/Berlin",
        "flexible_minutes": 0,
        "enabled": True,
    }
    return ScheduleRequest.model_validate(fields | changes)


@pytest.fixture(params=["memory", "eventbridge"])
def schedules(request: pytest.FixtureRequest) -> Iterator[Schedules]:
    if request.param == "memory":
        yield MemorySchedules()
        return
    with moto_aws() as client:
        scheduler = client("scheduler")
        scheduler.create_schedule_group(Name=GROUP)
        yield eventbridge(scheduler)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"expression": "rate(6 hours)", "timezone": "UTC"},
        {"flexible_minutes": 15},
        {"enabled": False},
        {"purpose": "version-watch", "expression": "rate(1 hour)"},
    ],
)
def test_a_schedule_comes_back_as_it_was_applied(schedules: Schedules, changes: dict[str, Any]) -> None:
    request = request_of(**changes)

    assert schedules.apply(request) is True
    assert schedules.get("prod-1", request.purpose) == request


def test_applying_twice_leaves_one_and_says_that_it_is_not_new(schedules: Schedules) -> None:
    schedules.apply(request_of())

    assert schedules.apply(request_of()) is False
    assert schedules.get("prod-1") == request_of()


def test_an_update_replaces_everything(schedules: Schedules) -> None:
    schedules.apply(request_of(flexible_minutes=15, enabled=False))
    changed = request_of(expression="rate(1 hour)", timezone="UTC")

    assert schedules.apply(changed) is False
    assert schedules.get("prod-1") == changed


def test_a_removed_schedule_is_gone_and_others_stay(schedules: Schedules) -> None:
    schedules.apply(request_of("prod-1"))
    schedules.apply(request_of("prod-2"))

    assert schedules.remove("prod-1") is True
    assert schedules.remove("prod-1") is False
    assert schedules.get("prod-1") is None
    assert schedules.get("prod-2") == request_of("prod-2")


def test_a_cluster_has_one_schedule_for_each_purpose(schedules: Schedules) -> None:
    watch = request_of(purpose="version-watch", expression="rate(1 hour)")
    schedules.apply(request_of())
    assert schedules.apply(watch) is True
    assert (schedules.get("prod-1"), schedules.get("prod-1", "version-watch")) == (request_of(), watch)
    assert schedules.remove("prod-1") is True
    assert schedules.get("prod-1", "version-watch") == watch
    assert schedules.remove("prod-1", "version-watch") is True
    assert schedules.remove("prod-1", "version-watch") is False


def test_a_watch_calls_the_same_function_and_says_when_a_backup_is_due() -> None:
    with moto_aws() as client:
        scheduler = client("scheduler")
        scheduler.create_schedule_group(Name=GROUP)
        eventbridge(scheduler).apply(request_of("c" * 48, purpose="version-watch"))
        (name,) = [each["Name"] for each in scheduler.list_schedules(GroupName=GROUP)["Schedules"]]
        target = scheduler.get_schedule(GroupName=GROUP, Name=name)["Target"]
    assert len(name) <= 64
    assert target["Arn"] == TARGET
    assert json.loads(target["Input"])["when"] == "version-changed"


def test_a_schedule_calls_the_start_function_with_the_moment_that_was_planned() -> None:
    with moto_aws() as client:
        scheduler = client("scheduler")
        scheduler.create_schedule_group(Name=GROUP)
        eventbridge(scheduler).apply(request_of())
        eventbridge(scheduler).apply(request_of(expression="rate(6 hours)"))
        stored = scheduler.get_schedule(GroupName=GROUP, Name="prod-1")

    target = stored["Target"]
    assert (target["Arn"], target["RoleArn"]) == (TARGET, ROLE)
    assert json.loads(target["Input"]) == {
        "cluster": "prod-1",
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "kind": "recurring",
    }
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600}


CALLS: list[Callable[[Schedules], object]] = [
    lambda schedules: schedules.apply(request_of()),
    lambda schedules: schedules.get("prod-1"),
    lambda schedules: schedules.remove("prod-1"),
]


def test_a_schedule_that_calls_another_function_is_none_of_ours_until_it_is_applied_again() -> None:
    with moto_aws() as client:
        scheduler = client("scheduler")
        scheduler.create_schedule_group(Name=GROUP)
        EventBridgeSchedules(scheduler, group=GROUP, target_arn=f"{TARGET}-old", role_arn=ROLE).apply(request_of())
        ours = eventbridge(scheduler)
        assert ours.get("prod-1") is None
        assert ours.apply(request_of()) is False
        assert ours.get("prod-1") == request_of()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "status", "family", "code"),
    [
        ("ThrottlingException", 429, TransientError, "scheduler_unavailable"),
        ("InternalServerException", 500, TransientError, "scheduler_unavailable"),
        ("AccessDeniedException", 403, PermanentError, "scheduler_access_denied"),
        ("ValidationException", 400, PermanentError, "schedule_refused"),
        ("ServiceQuotaExceededException", 402, PermanentError, "schedule_refused"),
    ],
)
def test_what_the_scheduler_answers_is_read_and_its_words_are_kept(
    call: Callable[[Schedules], object], answer: str, status: int, family: type[HoldfastError], code: str
) -> None:
    with moto_aws() as client, pytest.raises(family, match="its own words") as caught:
        call(eventbridge(AnswersWith(client("scheduler"), answer, status, "its own words")))

    assert caught.value.code == code


def test_a_double_fails_on_demand() -> None:
    memory = MemorySchedules()
    memory.fail("apply", PermanentError("schedule_refused", "on demand"))

    with pytest.raises(PermanentError):
        memory.apply(request_of())
    assert memory.get("prod-1") is None
