"""Global options stand anywhere."""

import pytest

from builders.command_line import holdfast
from builders.services import services_with
from holdfast.cli.options import globals_first, wants_json


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["a", "-o", "json", "b"], ["-o", "json", "a", "b"]),
        (["a", "-ojson", "--stack=x"], ["-ojson", "--stack=x", "a"]),
        (["a", "--region", "eu-west-1", "--debug"], ["--region", "eu-west-1", "--debug", "a"]),
        (["a", "--", "-o", "json"], ["a", "--", "-o", "json"]),
        (["a", "--wait", "-f", "x"], ["a", "--wait", "-f", "x"]),
        (["a", "-o"], ["-o", "a"]),
        ([], []),
    ],
)
def test_global_options_move_to_the_front(given: list[str], wanted: list[str]) -> None:
    assert globals_first(given) == wanted


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["x", "-o", "json"], {}, True),
        (["-ojson", "x"], {}, True),
        (["x", "--output=json"], {}, True),
        (["x"], {"HOLDFAST_OUTPUT": "json"}, True),
        (["x", "-o", "human"], {"HOLDFAST_OUTPUT": "json"}, False),
        (["x", "--", "-o", "json"], {}, False),
        (["x", "-o"], {}, False),
    ],
)
def test_json_is_known_before_parsing(arguments: list[str], environment: dict[str, str], expected: bool) -> None:
    assert wants_json(arguments, environment) is expected


@pytest.mark.parametrize("arguments", [["-o", "json", "cluster", "list"], ["cluster", "list", "--output=json"]])
def test_the_output_option_works_before_and_after_the_command(arguments: list[str]) -> None:
    ended = holdfast(*arguments, services=services_with())
    assert ended.code == 0
    assert [cluster["id"] for cluster in ended.value["clusters"]] == ["prod-1"]
