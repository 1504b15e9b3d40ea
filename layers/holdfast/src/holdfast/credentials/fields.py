"""What the formats of secrets share: a text becomes an object, an object becomes a model.

Errors are raised outside of the `except` blocks on purpose: json, yaml and pydantic keep the text that they failed on,
and an exception's context would carry it into a log.
"""

import json
from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from holdfast.credentials.failures import Format, secret_malformed


def json_object(name: str, text: str, form: Format) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise secret_malformed(name, "it is no JSON object", form)
    return value


def validated[M: BaseModel](name: str, model: type[M], fields: Mapping[str, object], form: Format) -> M:
    """`model` from those of `fields` that it knows, or `secret_malformed` with the field that is wrong."""
    wanted = {field: fields[field] for field in model.model_fields if field in fields}
    problems: list[str] = []
    try:
        return model.model_validate(wanted)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_context=False, include_url=False):
            field = ".".join(map(str, each["loc"]))
            said = each["msg"].removeprefix("Value error, ")
            problems.append(f'"{field}": {said}' if field else said)
    raise secret_malformed(name, "; ".join(problems), form)
