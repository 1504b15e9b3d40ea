"""Where the embedded stack keeps its things, from any folder of the project and as the environment says."""

from pathlib import Path

import pytest

from holdfast.errors import InvalidInputError
from holdfast.local import home


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HOLDFAST_LOCAL_HOME", raising=False)
    monkeypatch.delenv("HOLDFAST_LOCAL_ENVS", raising=False)
    (tmp_path / "project" / "docs").mkdir(parents=True)
    (tmp_path / "project" / "template.yaml").write_text("")
    return tmp_path / "project"


def test_the_project_is_found_from_a_folder_inside(project: Path) -> None:
    found = home.find(project / "docs")

    assert (found.root, found.path, found.environments) == (project, project / ".local", project / ".local" / "env")


def test_an_option_wins_over_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_LOCAL_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOLDFAST_LOCAL_ENVS", str(tmp_path / "envs"))

    assert home.find(project).path == tmp_path / "elsewhere"
    assert home.find(project).environments == tmp_path / "envs"
    assert home.find(project, tmp_path / "option").path == tmp_path / "option"


def test_outside_of_a_project_the_template_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        home.find(tmp_path)

    assert caught.value.code == "template_missing"
