"""A cluster's YAML file as a `ClusterSpec`, or every mistake in it with its line, column and what to write instead."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from holdfast.cli.yaml_document import LARGEST, Document, Place, YamlError, read_document
from holdfast.errors import InvalidInputError
from holdfast.models.cluster import ClusterSpec

_REFERENCE = "docs/reference/cluster.md has every field, docs/examples/cluster.yaml is a file to start from"
_KINDS = "etcd, ssh, ssm or kubernetes"
_ID_RULE = "lower-case letters, digits and hyphens, at most 48, no hyphen at either end"


def load_cluster_spec(path: Path) -> ClusterSpec:
    """InvalidInputError `cluster_file_unreadable` or `cluster_spec_invalid`."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInputError("cluster_file_unreadable", f"{path}: {error.strerror}") from error
    if len(data) > LARGEST:
        what = f"{path}: larger than {LARGEST // 1024} KiB"
        raise InvalidInputError("cluster_file_unreadable", what, hint="one file describes one cluster")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "cluster_file_unreadable", f"{path}: byte {error.start} is no UTF-8", hint="save the file as UTF-8"
        ) from None
    return parse_cluster_spec(text, str(path))


def parse_cluster_spec(text: str, name: str) -> ClusterSpec:
    """`name` stands for the file in messages. InvalidInputError `cluster_spec_invalid` has one line per mistake."""
    problems: list[str] = []
    try:
        document = read_document(text)
        return ClusterSpec.model_validate(document.value)
    except YamlError as problem:
        problems.append(_line(name, problem.place, problem.what, problem.hint))
    except ValidationError as error:
        problems += [_described(name, document, each) for each in _telling(error.errors(include_url=False))]
    # Outside of the except blocks: what failed may be a pasted secret, and an error's context would carry it along.
    raise InvalidInputError("cluster_spec_invalid", "\n".join(problems), hint=_REFERENCE)


def _line(name: str, place: Place, what: str, hint: str = "") -> str:
    return f"{name}:{place.line}:{place.column}: {what}" + (f" ({hint})" if hint else "")


def _telling(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the lists that pydantic calls too short only because their entries are wrong."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(len(place) > len(error["loc"]) and place[: len(error["loc"])] == error["loc"] for place in places)
    ]


def _described(name: str, document: Document, error: ErrorDetails) -> str:
    """One line. The value itself is not shown: it may be a secret that was pasted into the wrong field."""
    path, model = _resolved(error["loc"])
    kind = error["type"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _of_kind(name, document, (*path, "kind"), error)
    field = ".".join(map(str, path)) or "the file"
    place = document.place(path, of_key=kind == "extra_forbidden")
    if kind == "extra_forbidden":
        return _line(name, place, f"{field}: there is no such field", _closest(str(path[-1]), list(model.model_fields)))
    if kind == "missing":
        return _line(name, place, f"{field}: is missing", _HINTS.get(str(path[-1]), ""))
    return _line(name, place, f"{field}: {_words(error)}", _hint(path, error))


def _of_kind(name: str, document: Document, path: tuple[int | str, ...], error: ErrorDetails) -> str:
    """A transport whose `kind` is none, so that nothing else of it could be looked at."""
    given = error["input"].get("kind", "") if isinstance(error["input"], dict) else ""
    field, place = ".".join(map(str, path)), document.place(path)
    if given in ("", None):
        return _line(name, place, f"{field}: is {'missing' if given == '' else 'empty'}", _KINDS)
    near = get_close_matches(str(given), [*_variants(ClusterSpec.model_fields["transport"])], n=1, cutoff=0.6)
    return _line(name, place, f"{field}: must be {_KINDS}", f"did you mean {near[0]}?" if near else "")


def _words(error: ErrorDetails) -> str:
    if error["input"] is None:
        return "is empty"
    words = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a mapping (fields, each with a colon)"
    if error["type"] == "tuple_type":
        return "must be a list (lines that start with -)"
    if error["type"] in ("too_short", "too_long"):
        bounds = error["ctx"]
        return f"needs at least {bounds['min_length']} entry" if "min_length" in bounds else _too_many(bounds)
    return words[:1].lower() + words[1:]


def _too_many(bounds: dict[str, Any]) -> str:
    return f"has {bounds['actual_length']} entries, at most {bounds['max_length']} are taken"


def _hint(path: tuple[int | str, ...], error: ErrorDetails) -> str:
    named = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    if error["input"] is None:
        return _HINTS.get(named, "")
    if error["type"] == "string_type":
        return "put it in quotes"
    return _FORMS.get(named, "") if error["type"] == "string_pattern_mismatch" else ""


# For fields that people forget: what belongs there.
_HINTS = {
    "id": _ID_RULE,
    "driver": "for example kubeadm",
    "transport": "how Holdfast reaches the control plane",
    "kind": _KINDS,
    "endpoints": "a list of https://HOST:2379, one per member",
    "credentials": "the name of a secret in Secrets Manager, holdfast/…, never the value itself",
    "nodes": "a list of all hosts that run etcd or a control plane",
    "name": "the node's name",
    "host": "the node's address",
    "instance": "i-… of an EC2 instance, mi-… of any other machine",
    "user": "root, or one that may use sudo without a password",
}
# For fields with a form: what it is, in words.
_FORMS = {
    "id": _ID_RULE,
    "name": "lower-case letters, digits, dots and hyphens",
    "namespace": "lower-case letters, digits and hyphens",
    "host": "a name or an address, without a port",
    "host_keys": "SHA256: and 43 characters, as ssh-keygen -lf prints it",
    "instance": _HINTS["instance"],
    "bucket": "3 to 63 lower-case letters, digits, dots and hyphens",
    "secrets_bucket": "3 to 63 lower-case letters, digits, dots and hyphens",
    "region": "for example eu-central-1",
    "folder": "up to five segments of letters, digits, dots, _ and -, with a slash between",
    "arn": "arn:aws:iam::ACCOUNT:role/NAME",
    "external_id": "2 to 1224 letters, digits and +=,.@:/_-",
    "secrets_key": "a key's id or its ARN",
}


def _closest(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "known here: " + ", ".join(known)


def _resolved(path: tuple[int | str, ...]) -> tuple[tuple[int | str, ...], type[BaseModel]]:
    """The path as the file has it, and the model that its last part belongs to.

    Behind a field with several variants pydantic writes the chosen one's `kind`, which is no part of the file.
    """
    model: type[BaseModel] = ClusterSpec
    holder = model
    variants: dict[str, type[BaseModel]] = {}
    shown: list[int | str] = []
    for part in path:
        if part in variants:
            model, variants = variants[str(part)], {}
            continue
        shown.append(part)
        holder, variants = model, {}
        field = model.model_fields.get(str(part))
        if field is not None:
            variants = _variants(field)
            model = next(_models(field.annotation), model)
    return tuple(shown), holder


def _variants(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The models that a field's `discriminator` tells apart, by its value."""
    if not isinstance(field.discriminator, str):
        return {}
    return {get_args(each.model_fields[field.discriminator].annotation)[0]: each for each in _models(field.annotation)}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models within an annotation such as `ScheduleSpec | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
