"""Messages of the topic, on to a chat or another system. Where it fails, with whatever error, Lambda calls
again with the same message, twice; a receiver that has it already knows it by its id."""

from collections.abc import Callable

from holdfast.engine.services import Services
from holdfast.models.notice import Notice, SnsEvent
from holdfast.planning.notices import SIGNATURE, notice_of, signature, slack_body, webhook_body

_TYPE = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "holdfast"}


def relay_to_slack(services: Services, event: SnsEvent, secret: str) -> None:
    _relay(services, event, secret, slack_body)


def relay_to_webhook(services: Services, event: SnsEvent, secret: str) -> None:
    _relay(services, event, secret, webhook_body)


def _relay(services: Services, event: SnsEvent, secret: str, form: Callable[[Notice], bytes]) -> None:
    webhook = services.credentials.webhook(secret)
    for record in event.Records:
        body = form(notice_of(record.Sns))
        signed = {SIGNATURE: signature(webhook.key.get_secret_value(), body)} if webhook.key else {}
        services.postman.post(webhook, body, _TYPE | signed)
