"""Outcomes as an EventBridge event (for machines) and an SNS message (for people)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from holdfast.aws import AwsErrors, is_busy
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.freshness import ClearedFreshness, Freshness, FreshnessChange
from holdfast.models.run import Outcome
from holdfast.notify import freshness_message, message

SOURCE = "holdfast"
# EventBridge API reference, PutEvents.
_MOST_ENTRIES = 10
# SNS takes 256 KiB of text and attributes together; a message must not fail because of what nobody reads.
_LONGEST_ATTRIBUTE = 128 * 1024
_ERRORS = AwsErrors(
    unavailable="notify_unavailable",
    denied="notify_access_denied",
    refused="notify_refused",
    denied_hint="the role needs events:PutEvents on the bus, sns:Publish on the topic, and the KMS key of the topic",
)


class AwsNotifier:
    """The Notifier on EventBridge and SNS. Both are tried, always: a broken bus does not silence the topic."""

    def __init__(self, events: Any, sns: Any, *, bus: str, topic_arn: str) -> None:
        self._events = events
        self._sns = sns
        self._bus = bus
        self._topic_arn = topic_arn

    def publish(self, outcome: Outcome) -> None:
        try:
            self._send_events(
                outcome.run_id, message.detail_type(outcome), [(outcome.model_dump_json(), outcome.finished_at)]
            )
        finally:
            self._send_message(
                f"the message of {outcome.run_id}",
                message.subject(outcome),
                message.body(outcome),
                cluster=outcome.cluster_id,
                status=outcome.status,
                outcome=outcome.model_dump_json(),
            )

    def publish_freshness(self, change: FreshnessChange) -> None:
        details = [(each.model_dump_json(), change.checked_at) for each in _all(change)]
        try:
            self._send_events("freshness", freshness_message.DETAIL_TYPE, details)
        finally:
            self._send_message(
                "the message of changed freshness",
                freshness_message.subject(change),
                freshness_message.body(change),
                status="freshness",
            )

    def _send_events(self, what: str, detail_type: str, details: Sequence[tuple[str, datetime]]) -> None:
        entries = [
            {"EventBusName": self._bus, "Source": SOURCE, "DetailType": detail_type, "Detail": detail, "Time": moment}
            for detail, moment in details
        ]
        for batch in batched(entries, _MOST_ENTRIES, strict=False):
            with _ERRORS.read(f"send the event of {what}"):
                answer = self._events.put_events(Entries=list(batch))
            # PutEvents answers 200 also when it took no event.
            if answer.get("FailedEntryCount"):
                raise _entry_error(what, next(each for each in answer["Entries"] if each.get("ErrorCode")))

    def _send_message(self, what: str, subject: str, text: str, **attributes: str) -> None:
        """Attributes are for filters of subscriptions, and for what reads the message instead of a person."""
        with _ERRORS.read(f"send {what}"):
            self._sns.publish(
                TopicArn=self._topic_arn,
                Subject=subject,
                Message=text,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                    if len(value.encode()) <= _LONGEST_ATTRIBUTE
                },
            )


def _all(change: FreshnessChange) -> list[Freshness | ClearedFreshness]:
    cleared = [ClearedFreshness(cluster_id=cluster_id) for cluster_id in change.cleared]
    return [*change.worse, *cleared]


def _entry_error(what: str, entry: dict[str, str]) -> HoldfastError:
    code, said = entry.get("ErrorCode", ""), entry.get("ErrorMessage", "")
    text = f"the event of {what} was not taken: {code}: {said}"
    return TransientError("notify_unavailable", text) if is_busy(code) else PermanentError("notify_refused", text)
