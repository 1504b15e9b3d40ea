"""The format of a secret with keys for an S3 store: JSON {"access_key", "secret_key", "session_token": optional}."""

from holdfast.credentials.failures import STORE_KEYS
from holdfast.credentials.fields import json_object, validated
from holdfast.models.storage import StoreKeys


def parse_store_keys(name: str, text: str) -> StoreKeys:
    return validated(name, StoreKeys, json_object(name, text, STORE_KEYS), STORE_KEYS)
