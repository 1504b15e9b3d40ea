"""Outcomes as an EventBridge event (for machines) and an SNS message (for people)."""

from typing import Any

from holdfast.aws import AwsErrors, is_busy
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.run import Outcome
from holdfast.notify import message

SOURCE = "holdfast"
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
            self._send_event(outcome)
        finally:
            self._send_message(outcome)

    def _send_event(self, outcome: Outcome) -> None:
        entry = {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": message.detail_type(outcome),
            "Detail": outcome.model_dump_json(),
            "Time": outcome.finished_at,
        }
        with _ERRORS.read(f"send the event of {outcome.run_id}"):
            answer = self._events.put_events(Entries=[entry])
        # PutEvents answers 200 also when it took no event.
        if answer.get("FailedEntryCount"):
            raise _entry_error(outcome, answer["Entries"][0])

    def _send_message(self, outcome: Outcome) -> None:
        with _ERRORS.read(f"send the message of {outcome.run_id}"):
            self._sns.publish(
                TopicArn=self._topic_arn,
                Subject=message.subject(outcome),
                Message=message.body(outcome),
                MessageAttributes={
                    "cluster": {"DataType": "String", "StringValue": outcome.cluster_id},
                    "status": {"DataType": "String", "StringValue": outcome.status},
                },
            )


def _entry_error(outcome: Outcome, entry: dict[str, str]) -> HoldfastError:
    code, said = entry.get("ErrorCode", ""), entry.get("ErrorMessage", "")
    text = f"the event of {outcome.run_id} was not taken: {code}: {said}"
    return TransientError("notify_unavailable", text) if is_busy(code) else PermanentError("notify_refused", text)
