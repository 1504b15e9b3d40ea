"""docs/reference/cluster.md is executed: its files are valid, its schedules convert as it says, no field is missing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from holdfast.cli.spec_file import parse_cluster_spec
from holdfast.errors import InvalidInputError
from holdfast.models.cluster import ClusterSpec
from holdfast.planning.schedule import cron_expression, schedule_request

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cluster.md"
TEXT = REFERENCE.read_text(encoding="utf-8")
FILES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
CONVERTED = re.findall(r"^\| `([^`]+)` \| `(cron\([^`]+\))` \|$", TEXT, re.MULTILINE)
REFUSED = re.findall(r"^\| `([^`]+)` \| `(cron_[a-z_]+)` \|", TEXT, re.MULTILINE)


def test_the_reference_has_what_these_tests_read() -> None:
    assert (len(FILES), len(CONVERTED), len(REFUSED)) == (6, 9, 11)


@pytest.mark.parametrize("text", FILES)
def test_a_file_of_the_reference_is_valid(text: str) -> None:
    spec = parse_cluster_spec(text, "cluster.md")

    assert (schedule_request(spec) is None) == (spec.schedule is None)


@pytest.mark.parametrize(("written", "expected"), CONVERTED)
def test_a_schedule_of_the_reference_converts_as_it_says(written: str, expected: str) -> None:
    assert cron_expression(written) == expected


@pytest.mark.parametrize(("written", "code"), REFUSED)
def test_a_schedule_that_the_reference_calls_refused_is_refused(written: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        cron_expression(written)

    assert caught.value.code == code


def test_every_transport_has_a_file_in_the_reference() -> None:
    kinds = [parse_cluster_spec(text, "cluster.md").transport.kind for text in FILES]

    assert set(kinds) == {kind for kind, _ in TRANSPORTS}


def test_the_reference_lists_exactly_the_fields_that_there_are() -> None:
    listed = re.findall(
        r"^\| `([a-z_.]+)` \| [^|]* \| [A-Z`]", TEXT.split("## Fields")[1].split("Of `transport`")[0], re.MULTILINE
    )

    there = {name for name in fields(ClusterSpec) if not name.startswith(("transport", "storage."))}
    assert sorted(set(listed) - {"schedule"}) == sorted(there | {"storage"})


def test_the_reference_lists_exactly_the_fields_of_each_transport_with_their_defaults() -> None:
    listed = set(re.findall(r"^\| `([a-z]+)` \| `([a-z_.]+)` \| ([^|]*) \|", TEXT, re.MULTILINE))
    there = {(kind, name) for kind, model in TRANSPORTS for name in fields(model, with_lists=True)}

    assert {(kind, name) for kind, name, _ in listed} == {each for each in there if each[1] not in ("kind", "jump")}
    for kind, name, default in listed:
        known = default_of(dict(TRANSPORTS)[kind], name)
        if known is PydanticUndefined:
            assert default.startswith("required"), (kind, name)
        elif isinstance(known, str | int):
            assert default == f"`{known}`", (kind, name)
        else:
            assert default != "required", (kind, name)


def default_of(model: type[BaseModel], path: str) -> Any:
    name, _, rest = path.partition(".")
    field = model.model_fields[name]
    return default_of(next(models(field.annotation)), rest) if rest else field.default


def fields(model: type[BaseModel], prefix: str = "", *, with_lists: bool = False) -> Iterator[str]:
    """Dotted names. What is one of several models is a name of its own; so is, `with_lists`, a list of models."""
    for name, field in model.model_fields.items():
        nested = list(models(field.annotation))
        is_list = get_origin(field.annotation) is tuple
        if len(nested) != 1 or is_list:
            yield f"{prefix}{name}"
        if len(nested) == 1 and (with_lists or not is_list):
            yield from fields(nested[0], f"{prefix}{name}.", with_lists=with_lists)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


TRANSPORTS = [
    (get_args(model.model_fields["kind"].annotation)[0], model)
    for model in models(ClusterSpec.model_fields["transport"].annotation)
]
