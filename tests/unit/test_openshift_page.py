"""docs/drivers/openshift.md has every script that runs on a host and every step of the plans, each with its fact."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/drivers/openshift.md").read_text()
SCRIPTS = ROOT / "layers/holdfast/src/holdfast/node/restore/openshift"
GOLDEN = sorted((ROOT / "tests/data/golden").glob("restore-plan-openshift-*.txt"))
DEFINED = re.findall(r"^\| (F\d+) \|", TEXT, re.MULTILINE)


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.sh")))
def test_every_script_is_on_the_page(script: str) -> None:
    """By its name, or by that of its step."""
    assert f"`{script}`" in TEXT or f"`{script.replace('_', '-')}`" in TEXT


@pytest.mark.parametrize("plan", GOLDEN, ids=lambda path: path.stem)
def test_every_step_of_a_plan_is_a_line_of_the_page(plan: Path) -> None:
    steps = re.findall(r"^ +\d+ ([a-z-]+)  ", plan.read_text(), re.MULTILINE)
    assert len(steps) > 10
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")]
    named = {name for line in lines for name in re.findall(r"`([a-z-]+…?)`", line.split(" | ")[0])}
    families = tuple(name.removesuffix("…") for name in named if name.endswith("…"))
    assert [step for step in steps if step not in named and not step.startswith(families)] == []


def test_the_facts_are_numbered_and_each_that_is_named_is_there() -> None:
    assert [f"F{number}" for number in range(1, len(DEFINED) + 1)] == DEFINED
    assert set(re.findall(r"\bF\d+\b", TEXT)) <= set(DEFINED)


def test_there_is_no_link_to_a_place_that_is_not_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT):
        assert (ROOT / "docs/drivers" / target).exists(), target


TRAPS = [line for line in TEXT.partition("## Traps\n")[2].partition("\n## ")[0].splitlines() if line.startswith("| ")][
    1:
]


def test_there_are_traps() -> None:
    assert len(TRAPS) > 10


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.split(" | ")[0][2:60])
def test_each_trap_is_held_by_tests_that_exist(trap: str) -> None:
    named = re.findall(r"\[([^\]]+)\]\(\.\./\.\./(tests/[^)]+\.py)\)", trap)
    assert named
    for words, file in named:
        functions = {
            each.name for each in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(each, ast.FunctionDef)
        }
        assert f"test_{words.replace(' ', '_')}" in functions, f"{file} has no such test"
