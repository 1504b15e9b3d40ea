"""The demo's pieces that need no stack: what counts as equal, what is checked first, what it says and how."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from holdfast.cli.demo_view import ConsoleView
from holdfast.errors import InvalidInputError, RefusedError
from holdfast.local.demo import setting
from holdfast.local.demo.figures import Comparison
from holdfast.local.home import Home
from holdfast.models.etcd import HashKV

HASH = HashKV(hash=7, revision=99, compact_revision=-1)


def comparison(**changes: Any) -> Comparison:
    hashes: dict[str, Any] = dict.fromkeys(("hash_file", "hash_source", "hash_restored"), HASH)
    keys = dict.fromkeys(("keys_verified", "keys_file", "keys_source", "keys_restored"), 1620)
    return Comparison.model_validate({"revision": 99, **hashes, **keys, **changes})


def test_the_same_answers_have_no_differences() -> None:
    assert comparison().differences == ()


@pytest.mark.parametrize("who", ["hash_file", "hash_source", "hash_restored"])
@pytest.mark.parametrize("change", [{"hash": 8}, {"compact_revision": 3}])
def test_one_other_hash_is_a_difference(who: str, change: dict[str, int]) -> None:
    (difference,) = comparison(**{who: HASH.model_copy(update=change)}).differences
    assert difference.startswith("HashKV differs")


@pytest.mark.parametrize("who", ["keys_verified", "keys_file", "keys_source", "keys_restored"])
def test_one_key_less_is_a_difference(who: str) -> None:
    (difference,) = comparison(**{who: 1619}).differences
    assert "1619" in difference


def test_a_clone_without_the_test_data_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError) as raised:
        setting.prepare()
    assert raised.value.code == "demo_data_missing"


def test_a_second_demo_in_the_same_home_is_refused(tmp_path: Path) -> None:
    home = Home(root=tmp_path, path=tmp_path / "demo", template=tmp_path, environments=tmp_path)
    folder = setting.Folder(home, tmp_path)
    with setting.exclusive(folder):
        with pytest.raises(RefusedError) as raised, setting.exclusive(folder):
            pass
        assert raised.value.code == "demo_busy"
    with setting.exclusive(folder):
        pass


def test_lines_that_differ_in_a_count_are_said_once_where_no_terminal_is() -> None:
    written = io.StringIO()
    with ConsoleView(Console(file=written, width=200, markup=False)) as view:
        view.step("Start")
        for count in (1, 2, 3):
            view.progress(f"creating resources: {count} done")
        view.progress("waiting")
        view.note("two\nlines")
    assert written.getvalue().splitlines() == [
        "",
        "1. Start",
        "   creating resources: 1 done",
        "   waiting",
        "   two",
        "   lines",
    ]
