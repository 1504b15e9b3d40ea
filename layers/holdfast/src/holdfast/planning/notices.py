"""What a message of the topic becomes for a webhook, and for Slack. Pure."""

import hashlib
import hmac
import json

from pydantic import ValidationError

from holdfast.models.notice import Alarm, Notice, SnsMessage
from holdfast.models.run import Outcome

# Slack, Block Kit reference: a header has at most 150 characters, the text of a section 3000.
_HEADER = 150
_SECTION = 2900

SIGNATURE = "X-Holdfast-Signature"


def notice_of(message: SnsMessage) -> Notice:
    """Whoever may publish to the topic may write anything: what is neither an outcome nor an alarm is passed on as
    text."""
    outcome, alarm = _outcome(message), _alarm(message.Message)
    status = message.MessageAttributes.get("status")
    freshness = status is not None and status.Value == "freshness"
    return Notice(
        id=message.MessageId,
        sent_at=message.Timestamp,
        kind="outcome" if outcome else "alarm" if alarm else "freshness" if freshness else "message",
        subject=message.Subject or (f"{alarm.state}: {alarm.name}" if alarm else "Holdfast"),
        text=_alarm_text(alarm) if alarm else message.Message,
        outcome=outcome,
        alarm=alarm,
    )


def webhook_body(notice: Notice) -> bytes:
    return json.dumps(notice.as_json(), ensure_ascii=False).encode()


def slack_body(notice: Notice) -> bytes:
    """Two blocks, and the text that a notification shows. What a message says is never markup: a cluster's error text
    must not mention a channel."""
    text = _cut(_escaped(notice.text.strip()), _SECTION)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(notice.subject, _HEADER), "emoji": False}},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"```{text}```", "verbatim": True}},
    ]
    return json.dumps({"text": _escaped(notice.subject), "blocks": blocks}, ensure_ascii=False).encode()


def signature(key: str, body: bytes) -> str:
    """Of the exact bytes of the body, which names the moment and the id: whoever checks it refuses what is old."""
    return f"sha256={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}"


def _outcome(message: SnsMessage) -> Outcome | None:
    attribute = message.MessageAttributes.get("outcome")
    if attribute is None:
        return None
    try:
        return Outcome.model_validate_json(attribute.Value)
    except ValidationError:
        return None


def _alarm(text: str) -> Alarm | None:
    """CloudWatch's own form (CloudWatch user guide, "Alarm events")."""
    try:
        fields = json.loads(text)
        return Alarm(
            name=fields["AlarmName"],
            state=fields["NewStateValue"],
            description=fields.get("AlarmDescription") or "",
            reason=fields.get("NewStateReason") or "",
            since=fields.get("StateChangeTime") or "",
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _alarm_text(alarm: Alarm) -> str:
    return "\n".join(line for line in (alarm.description, alarm.reason, f"Since {alarm.since}") if line)


def _escaped(text: str) -> str:
    """Slack, "Formatting text": these three are all that has a meaning; backticks would end the block."""
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        text = text.replace(letter, written)
    return text


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"
