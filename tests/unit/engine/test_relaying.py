"""Messages of the topic go on, signed where there is a key, and fail so that Lambda tries again where that helps."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from builders.services import MemoryServices
from builders.webhook_receiver import authority, receiver
from holdfast.engine.relaying import relay_to_slack, relay_to_webhook
from holdfast.errors import PermanentError, TransientError
from holdfast.models.notice import SnsEvent
from holdfast.notify.https import HttpsPostman

SECRET = "holdfast-notify/x"
KEY = "0123456789abcdef"


def event(*texts: str) -> SnsEvent:
    return SnsEvent.model_validate({"Records": [record(text) for text in texts]})


def record(text: str) -> dict[str, Any]:
    sns = {"MessageId": f"id {text}", "Timestamp": "2026-11-21T12:00:00Z", "Subject": "s", "Message": text}
    return {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns | {"TopicArn": "arn:aws:sns:::t"}}


def services(**secret: str) -> MemoryServices:
    made = MemoryServices()
    made.credentials.put(SECRET, json.dumps({"url": "https://hooks.example/a"} | secret))
    return made


def test_every_record_is_sent_with_its_own_id() -> None:
    made = services()
    relay_to_webhook(made, event("one", "two"), SECRET)
    assert [json.loads(body)["id"] for _, body, _ in made.postman.sent] == ["id one", "id two"]
    assert {url for url, _, _ in made.postman.sent} == {"https://hooks.example/a"}
    assert "X-Holdfast-Signature" not in made.postman.sent[0][2]


def test_slack_gets_blocks() -> None:
    made = services()
    relay_to_slack(made, event("one"), SECRET)
    ((_, body, headers),) = made.postman.sent
    assert "blocks" in json.loads(body)
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_key_signs_what_is_sent() -> None:
    made = services(key=KEY)
    relay_to_webhook(made, event("one"), SECRET)
    ((_, body, headers),) = made.postman.sent
    wanted = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Holdfast-Signature"] == f"sha256={wanted}"


@pytest.mark.parametrize(
    "url", ["http://hooks.example/a", "https://user:pw@hooks.example/a", "https://a b/", "hooks.example"]
)
def test_a_url_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="secret_malformed") as caught:
        relay_to_webhook(services(url=url), event("one"), SECRET)
    assert url not in caught.value.message


def test_a_short_key_is_refused() -> None:
    with pytest.raises(PermanentError, match="secret_malformed"):
        relay_to_webhook(services(key="short"), event("one"), SECRET)


def test_what_could_not_be_sent_is_an_error() -> None:
    made = services()
    made.postman.fail("post", TransientError("webhook_unavailable", "503"))
    with pytest.raises(TransientError):
        relay_to_slack(made, event("one"), SECRET)
    relay_to_slack(made, event("one"), SECRET)
    assert len(made.postman.sent) == 1


def test_it_arrives_over_https_under_a_private_authority() -> None:
    with receiver() as site:
        made = services(url=f"https://127.0.0.1:{site.port}/in", ca=authority().certificate, key=KEY)
        made.postman = HttpsPostman()  # type: ignore[assignment]
        relay_to_webhook(made, event("one"), SECRET)
        ((path, headers, body),) = site.heard
    assert path == "/in"
    assert headers["X-Holdfast-Signature"] == f"sha256={hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()}"
    assert json.loads(body)["text"] == "one"
