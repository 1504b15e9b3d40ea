"""`holdfast local` where nothing runs. What runs is tests/e2e's."""

from pathlib import Path

import pytest

from builders.command_line import holdfast

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def _an_empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_LOCAL_HOME", str(tmp_path))
    monkeypatch.chdir(PROJECT)


@pytest.mark.usefixtures("_an_empty_home")
def test_status_and_down_where_nothing_runs_say_so() -> None:
    assert holdfast("local", "status", "-o", "json").value == {"stack": None}
    assert "no stack is running" in holdfast("local", "status").stdout
    assert holdfast("local", "down", "-o", "json").value == {"stopped": False}


@pytest.mark.parametrize("command", [("local", "up"), ("local", "status"), ("demo",)])
def test_outside_a_clone_there_is_nothing_to_deploy(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = holdfast(*command, "-o", "json")
    assert (ended.code, ended.error["code"]) == (2, "template_missing")
