"""A cluster's YAML file as a `ClusterSpec`, or every mistake in it with its line, column and what to write instead."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from holdfast.cli.yaml_document import LARGEST, Document, Place, YamlError, read_document
from holdfast.errors import InvalidInputError
from holdfast.models.cluster import ClusterSpec

_REFERENCE = "docs/reference/cluster.md has every field, docs/examples/cluster.yaml is a file to start from"
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
        problems += [_described(name, document, each) for each in error.errors(include_url=False)]
    # Outside of the except blocks: what failed may be a pasted secret, and an error's context would carry it along.
    raise InvalidInputError("cluster_spec_invalid", "\n".join(problems), hint=_REFERENCE)


def _line(name: str, place: Place, what: str, hint: str = "") -> str:
    return f"{name}:{place.line}:{place.column}: {what}" + (f" ({hint})" if hint else "")


def _described(name: str, document: Document, error: ErrorDetails) -> str:
    """One line. The value itself is not shown: it may be a secret that was pasted into the wrong field."""
    path = error["loc"]
    field = ".".join(map(str, path)) or "the file"
    kind = error["type"]
    place = document.place(path, of_key=kind == "extra_forbidden")
    if kind == "extra_forbidden":
        return _line(name, place, f"{field}: there is no such field", _closest(path))
    if kind == "missing":
        return _line(name, place, f"{field}: is missing", _HINTS.get(str(path[-1]), ""))
    return _line(name, place, f"{field}: {_words(error)}", _hint(path, error))


def _words(error: ErrorDetails) -> str:
    if error["input"] is None:
        return "is empty"
    words = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a mapping (fields, each with a colon)"
    if error["type"] == "tuple_type":
        return "must be a list (lines that start with -)"
    return words[:1].lower() + words[1:]


def _hint(path: tuple[int | str, ...], error: ErrorDetails) -> str:
    if error["input"] is None:
        return _HINTS.get(str(path[-1]), "") if path else ""
    if error["type"] == "string_type":
        return "put it in quotes"
    return _ID_RULE if path == ("id",) else ""


# For fields that people forget: what belongs there.
_HINTS = {
    "id": _ID_RULE,
    "driver": "for example kubeadm",
    "transport": "how Holdfast reaches etcd",
    "kind": "etcd",
    "endpoints": "a list of https://HOST:2379, one per member",
    "credentials": "the name of a secret in Secrets Manager, holdfast/…, never the value itself",
}


def _closest(path: tuple[int | str, ...]) -> str:
    known = list(_model_at(path[:-1]).model_fields)
    near = get_close_matches(str(path[-1]), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "known here: " + ", ".join(known)


def _model_at(path: tuple[int | str, ...]) -> type[BaseModel]:
    model: type[BaseModel] = ClusterSpec
    for part in path:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models(field.annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models within an annotation such as `ScheduleSpec | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
