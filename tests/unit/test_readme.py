"""The README's table of refusals is true line by line: each line names tests, and the tests are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[([^\]]+)\]\((tests/[^)]+\.py)\)")


def rows() -> list[tuple[str, str]]:
    section = (ROOT / "README.md").read_text().partition("## What it refuses to do\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(refusal, tests) for refusal, tests in lines[1:]]


def test_there_is_such_a_table() -> None:
    assert len(rows()) > 20


@pytest.mark.parametrize(("refusal", "tests"), rows())
def test_each_refusal_of_the_readme_is_held_by_tests_that_exist(refusal: str, tests: str) -> None:
    named = LINK.findall(tests)
    assert named, f"no test is named for: {refusal}"
    for words, file in named:
        tree = ast.parse((ROOT / file).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert f"test_{words.replace(' ', '_')}" in functions, f"{file} has no such test"
