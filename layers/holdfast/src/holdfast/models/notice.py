"""What SNS hands to a function, and what of it goes on to a chat or another system."""

from typing import Any, Literal

from pydantic import Field

from holdfast.models.base import Model, StoredModel
from holdfast.models.run import Outcome


class SnsAttribute(StoredModel):
    Type: str
    Value: str


class SnsMessage(StoredModel):
    """As SNS spells it (SNS developer guide, "Fanout to Lambda functions")."""

    MessageId: str
    Timestamp: str
    Subject: str | None = None
    Message: str
    MessageAttributes: dict[str, SnsAttribute] = Field(default_factory=dict)


class SnsRecord(StoredModel):
    EventSource: Literal["aws:sns"]
    Sns: SnsMessage


class SnsEvent(StoredModel):
    Records: tuple[SnsRecord, ...] = Field(min_length=1)


class Alarm(Model):
    """A CloudWatch alarm that changed its state. `state` is OK, ALARM or INSUFFICIENT_DATA."""

    name: str
    state: str
    description: str
    reason: str
    since: str


class Notice(Model):
    """The body that a webhook gets. `id` and `sent_at` are SNS's: the same message, sent again, has the same id.

    `kind` says which of the last three is there: of `freshness` and `message` only the text is."""

    schema_version: Literal[1] = 1
    id: str
    sent_at: str
    kind: Literal["outcome", "freshness", "alarm", "message"]
    subject: str
    text: str
    outcome: Outcome | None = None
    alarm: Alarm | None = None

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")
