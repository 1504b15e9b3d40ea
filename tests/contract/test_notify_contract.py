"""What every notifier keeps: in memory, and EventBridge with SNS (on moto, read back from queues)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from builders.moto_aws import ACCOUNT, REGION, AnswersWith, moto_aws
from builders.runs import NOON, failed, succeeded
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.freshness import Freshness, FreshnessChange
from holdfast.models.plan import Finding
from holdfast.models.run import Outcome
from holdfast.notify.aws import AwsNotifier
from holdfast.notify.base import Notifier
from holdfast.notify.memory import MemoryNotifier

BUS = "default"


def change(late: int = 1) -> FreshnessChange:
    finding = Finding(level="refuse", code="backup_stale", text="the schedule fired 3 times")
    return FreshnessChange(
        checked_at=NOON,
        worse=tuple(
            Freshness(cluster_id=f"late-{number}", state="stale", findings=(finding,)) for number in range(late)
        ),
        cleared=("back",),
    )


class Mailbox:
    """A topic and a bus with a queue behind each, and a notifier for both."""

    def __init__(self, client: Callable[[str], Any], filter_policy: dict[str, list[str]] | None = None) -> None:
        self._sqs = client("sqs")
        self.events, self.sns = client("events"), client("sns")
        self.topic_arn = self.sns.create_topic(Name="holdfast")["TopicArn"]
        self.queues = {name: self._sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("events", "messages")}
        attributes = {"FilterPolicy": json.dumps(filter_policy)} if filter_policy else {}
        self.sns.subscribe(
            TopicArn=self.topic_arn, Protocol="sqs", Endpoint=self._arn("messages"), Attributes=attributes
        )
        self.events.put_rule(Name="all", EventPattern=json.dumps({"source": ["holdfast"]}))
        self.events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": self._arn("events")}])

    def _arn(self, queue: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"

    def notifier(self, events: Any = None, sns: Any = None) -> AwsNotifier:
        return AwsNotifier(events or self.events, sns or self.sns, bus=BUS, topic_arn=self.topic_arn)

    def received(self, queue: str) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self.queues[queue], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def test_an_outcome_is_one_event_whose_detail_is_the_outcome() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        mailbox.notifier().publish(succeeded())
        (event,) = mailbox.received("events")

    assert (event["source"], event["detail-type"]) == ("holdfast", "Holdfast Backup Succeeded")
    assert Outcome.model_validate(event["detail"]) == succeeded()


def test_an_outcome_is_one_message_that_a_person_can_read() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        mailbox.notifier().publish(failed())
        (message,) = mailbox.received("messages")

    assert message["Subject"] == "Holdfast: backup of prod-1 failed (etcd_unreachable)"
    assert message["Message"].startswith("The recurring backup of prod-1 failed.")
    values = {name: each["Value"] for name, each in message["MessageAttributes"].items()}
    assert Outcome.model_validate_json(values.pop("outcome")) == failed()
    assert values == {"cluster": "prod-1", "status": "failed"}


def test_an_outcome_that_is_too_long_for_an_attribute_is_told_without_it() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        mailbox.notifier().publish(failed(warnings=("w" * 150_000,)))
        (message,) = mailbox.received("messages")

    assert set(message["MessageAttributes"]) == {"cluster", "status"}


def test_a_subscriber_gets_only_what_its_filter_asks_for() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client, {"status": ["failed", "refused"], "cluster": ["prod-1"]})
        for outcome in (succeeded(), failed(), failed(cluster_id="prod-2")):
            mailbox.notifier().publish(outcome)

        assert [message["Subject"] for message in mailbox.received("messages")] == [
            "Holdfast: backup of prod-1 failed (etcd_unreachable)"
        ]


def test_a_broken_bus_does_not_silence_the_topic() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        notifier = mailbox.notifier(events=AnswersWith(mailbox.events, "AccessDeniedException"))
        with pytest.raises(PermanentError) as caught:
            notifier.publish(failed())

        assert caught.value.code == "notify_access_denied"
        assert len(mailbox.received("messages")) == 1


def test_a_broken_topic_does_not_silence_the_bus() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        notifier = mailbox.notifier(sns=AnswersWith(mailbox.sns, "Throttled"))
        with pytest.raises(TransientError) as caught:
            notifier.publish(failed())

        assert caught.value.code == "notify_unavailable"
        assert len(mailbox.received("events")) == 1


def test_a_missing_topic_is_a_refusal() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        mailbox.sns.delete_topic(TopicArn=mailbox.topic_arn)
        with pytest.raises(PermanentError, match="NotFound") as caught:
            mailbox.notifier().publish(failed())

    assert caught.value.code == "notify_refused"


class TakesNone:
    """A bus that answers 200 and took nothing: what EventBridge does when it is busy inside."""

    def __init__(self, code: str) -> None:
        self._code = code

    def put_events(self, **_: Any) -> dict[str, Any]:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": self._code, "ErrorMessage": "on demand"}]}


@pytest.mark.parametrize(
    ("answer", "family", "code"),
    [
        ("ThrottlingException", TransientError, "notify_unavailable"),
        ("InternalFailure", TransientError, "notify_unavailable"),
        ("MalformedDetail", PermanentError, "notify_refused"),
    ],
)
def test_an_event_that_was_not_taken_is_an_error(answer: str, family: type[HoldfastError], code: str) -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        with pytest.raises(family, match="on demand") as caught:
            mailbox.notifier(events=TakesNone(answer)).publish(succeeded())

        assert caught.value.code == code
        assert len(mailbox.received("messages")) == 1


def test_the_double_keeps_what_it_was_told_and_fails_on_demand() -> None:
    memory = MemoryNotifier()
    memory.fail("publish", TransientError("notify_unavailable", "on demand"))
    notifier: Notifier = memory

    with pytest.raises(TransientError):
        notifier.publish(succeeded())
    notifier.publish(failed())
    assert memory.outcomes == [failed()]
    memory.fail("publish_freshness", TransientError("notify_unavailable", "on demand"))
    with pytest.raises(TransientError):
        notifier.publish_freshness(change())
    notifier.publish_freshness(change(2))
    assert memory.freshness == [change(2)]


def test_a_change_of_freshness_is_an_event_for_each_cluster_and_one_message() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        mailbox.notifier().publish_freshness(change(23))
        events = [event for _ in range(4) for event in mailbox.received("events")]
        (message,) = mailbox.received("messages")

    assert {event["detail-type"] for event in events} == {"Holdfast Freshness Changed"}
    told = {event["detail"]["cluster_id"]: event["detail"]["state"] for event in events}
    assert told == {**{f"late-{number}": "stale" for number in range(23)}, "back": "cleared"}
    assert message["Subject"] == "Holdfast: 23 clusters need a look"
    assert {name: each["Value"] for name, each in message["MessageAttributes"].items()} == {"status": "freshness"}


def test_a_bus_that_takes_no_freshness_does_not_silence_the_topic() -> None:
    with moto_aws() as client:
        mailbox = Mailbox(client)
        with pytest.raises(PermanentError, match="notify_refused"):
            mailbox.notifier(events=TakesNone("MalformedDetail")).publish_freshness(change())
        assert len(mailbox.received("messages")) == 1
