"""docs/reference/cluster.md is executed: its files are valid, its schedules convert as it says, no field is missing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

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
    assert (len(FILES), len(CONVERTED), len(REFUSED)) == (2, 9, 11)


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


def test_the_reference_lists_exactly_the_fields_that_there_are() -> None:
    listed = set(re.findall(r"^\| `([a-z_.]+)` \| [^|]* \| [A-Z`]", TEXT.split("## Schedules")[0], re.MULTILINE))

    assert listed - {"schedule"} == set(fields(ClusterSpec))


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        nested = [each for each in (field.annotation, *get_args(field.annotation)) if is_model(each)]
        if nested:
            yield from fields(nested[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
