"""The format of a secret that holds mutual TLS towards etcd: JSON {"ca", "cert", "key"}, each a PEM text."""

import json

from pydantic import ValidationError

from holdfast.credentials.failures import secret_malformed
from holdfast.models.credentials import EtcdTls


def parse_etcd_tls(name: str, text: str) -> EtcdTls:
    """The three PEM texts of a secret's JSON, or `secret_malformed` with the field that is wrong.

    Errors are raised outside of the `except` blocks on purpose: json and pydantic keep the text that they failed on,
    and an exception's context would carry it into a log.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise secret_malformed(name, "it is no JSON object")
    wanted = {field: value[field] for field in EtcdTls.model_fields if field in value}
    problems: list[str] = []
    try:
        return EtcdTls.model_validate(wanted)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_context=False, include_url=False):
            field = ".".join(map(str, each["loc"]))
            said = each["msg"].removeprefix("Value error, ")
            problems.append(f'"{field}": {said}' if field else said)
    raise secret_malformed(name, "; ".join(problems))
