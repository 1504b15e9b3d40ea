"""docs/reference/errors.md lists every code that the source can raise, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from holdfast import errors

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "layers" / "holdfast" / "src" / "holdfast"
FAMILIES = {name for name, value in vars(errors).items() if isinstance(value, type)}
# Codes that look like any other word, so that finding them in the source proves nothing.
SINGLE_WORDS = {"unclassified", "unexpected", "usage"}
CODE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")


def documented() -> list[str]:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \|", (PROJECT / "docs/reference/errors.md").read_text(), re.MULTILINE)
    assert len(rows) > 50
    return rows


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCE.rglob("*.py"):
        yield path, ast.parse(path.read_text())


def raised() -> dict[str, str]:
    """Code literals that are the first argument of one of our errors, with the file of one place."""
    found: dict[str, str] = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.func, ast.Name):
                continue
            first = node.args[0]
            if node.func.id in FAMILIES and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found[first.value] = path.name
    return found


def given_up_with() -> dict[str, str]:
    """Codes that the programs for nodes give up with; a few choose the code first."""
    calls = re.compile(r"\b(?:give_up|stopped_by|failed \S+ \S+) ([a-z_]+)|\bverdict=([a-z_]+)")
    found: dict[str, str] = {}
    for path in (SOURCE / "node").rglob("*.sh"):
        found |= {one or other: path.name for one, other in calls.findall(path.read_text())}
    assert len(found) > 10
    return found


def literals() -> set[str]:
    """Every string of the source that has the form of a code: some are handed on before they are raised."""
    return {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }


def test_every_code_that_is_raised_is_documented() -> None:
    missing = {code: place for code, place in (raised() | given_up_with()).items() if code not in documented()}
    assert missing == {}


def test_no_documented_code_is_gone_from_the_source() -> None:
    known = literals() | set(given_up_with()) | SINGLE_WORDS
    assert [code for code in documented() if code not in known] == []


def test_the_table_is_sorted_and_names_each_code_once() -> None:
    assert documented() == sorted(set(documented()))


def test_codes_have_the_form_of_codes() -> None:
    assert [code for code in raised() if code not in SINGLE_WORDS and not CODE.fullmatch(code)] == []


def test_what_refuses_a_backup_is_documented_as_an_error_too() -> None:
    """Findings are raised by their code. Those of stores are said by `cluster check` alone."""
    text = (PROJECT / "docs/reference/preflight.md").read_text().partition("## Stores")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", text, re.MULTILINE)
    refusing = [code for codes, level in rows if "refuse" in level for code in re.findall(r"`([a-z0-9_]+)`", codes)]
    assert len(refusing) > 8
    assert [code for code in refusing if code not in documented()] == []
