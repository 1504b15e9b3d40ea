"""What a message of the topic becomes for a webhook and for Slack."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from builders.runs import failed, succeeded
from holdfast.models.notice import Notice, SnsMessage
from holdfast.models.run import Outcome
from holdfast.planning.notices import notice_of, signature, slack_body, webhook_body

ALARM = {
    "AlarmName": "holdfast-BackupStaleAlarm-1A2B",
    "AlarmDescription": "A cluster's schedule fired.",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": "2026-11-21T12:00:00.000+0000",
    "OldStateValue": "OK",
}


def message(text: str = "hello", subject: str | None = "A subject", **attributes: str) -> SnsMessage:
    return SnsMessage.model_validate(
        {
            "MessageId": "m-1",
            "Timestamp": "2026-11-21T12:00:00.000Z",
            "Subject": subject,
            "Message": text,
            "MessageAttributes": {name: {"Type": "String", "Value": value} for name, value in attributes.items()},
        }
    )


def test_an_outcome_goes_on_whole() -> None:
    notice = notice_of(message(status="failed", cluster="prod-1", outcome=failed().model_dump_json()))
    body = json.loads(webhook_body(notice))
    assert (body["kind"], body["schema_version"], body["alarm"]) == ("outcome", 1, None)
    assert Outcome.model_validate(body["outcome"]) == failed()
    assert (body["id"], body["sent_at"]) == ("m-1", "2026-11-21T12:00:00.000Z")


def test_an_alarm_is_read() -> None:
    notice = notice_of(message(json.dumps(ALARM), subject=None))
    assert (notice.kind, notice.subject) == ("alarm", "ALARM: holdfast-BackupStaleAlarm-1A2B")
    assert notice.alarm is not None
    assert (notice.alarm.state, notice.alarm.since) == ("ALARM", "2026-11-21T12:00:00.000+0000")
    assert notice.text == "A cluster's schedule fired.\nThreshold Crossed\nSince 2026-11-21T12:00:00.000+0000"


def test_changed_freshness_is_said_to_be_that() -> None:
    notice = notice_of(message("prod-1: stale", status="freshness"))
    assert (notice.kind, notice.text, notice.outcome, notice.alarm) == ("freshness", "prod-1: stale", None, None)


@pytest.mark.parametrize("text", ["plain", "[1]", "7", "null", '{"AlarmName": 7}', '{"NewStateValue": "OK"}', "{"])
def test_anything_else_is_a_message(text: str) -> None:
    notice = notice_of(message(text))
    assert (notice.kind, notice.text) == ("message", text)


def test_an_outcome_that_this_version_does_not_read_is_a_message() -> None:
    assert notice_of(message(outcome='{"new": true}')).kind == "message"


def test_the_fields_of_a_webhook_are_these() -> None:
    assert set(json.loads(webhook_body(notice_of(message())))) == {
        "schema_version",
        "id",
        "sent_at",
        "kind",
        "subject",
        "text",
        "outcome",
        "alarm",
    }


def test_a_signature_is_that_of_the_bytes() -> None:
    body = webhook_body(notice_of(message("ü")))
    wanted = hmac.new(b"0123456789abcdef", body, hashlib.sha256).hexdigest()
    assert signature("0123456789abcdef", body) == f"sha256={wanted}"
    assert signature("0123456789abcdeF", body) != f"sha256={wanted}"


def slack(notice: Notice) -> Any:
    return json.loads(slack_body(notice))


def test_slack_gets_a_header_and_a_text() -> None:
    body = slack(notice_of(message("Code: x\nReason: y\n", subject="Holdfast: backup of prod-1 failed")))
    header, section = body["blocks"]
    assert body["text"] == header["text"]["text"] == "Holdfast: backup of prod-1 failed"
    assert (header["type"], section["type"]) == ("header", "section")
    assert section["text"]["text"] == "```Code: x\nReason: y```"


def test_what_a_message_says_is_no_markup_for_slack() -> None:
    body = slack(notice_of(message("<!channel> & ```code``` <http://x|y>")))
    text = body["blocks"][1]["text"]["text"]
    assert text == "```&lt;!channel&gt; &amp; '''code''' &lt;http://x|y&gt;```"


def test_slack_takes_no_more_than_it_may() -> None:
    body = slack(notice_of(message("x" * 9000, subject="s" * 200)))
    assert len(body["blocks"][0]["text"]["text"]) == 150
    assert len(body["blocks"][1]["text"]["text"]) <= 3000


def test_an_outcome_that_succeeded_reads_as_its_message() -> None:
    notice = notice_of(message("The recurring backup of prod-1 succeeded", outcome=succeeded().model_dump_json()))
    assert notice.text == "The recurring backup of prod-1 succeeded"
