"""The format of a secret that holds a webhook: JSON {"url", "key": optional, "ca": PEM, optional}."""

from holdfast.credentials.failures import WEBHOOK
from holdfast.credentials.fields import json_object, validated
from holdfast.models.credentials import Webhook


def parse_webhook(name: str, text: str) -> Webhook:
    return validated(name, Webhook, json_object(name, text, WEBHOOK), WEBHOOK)
