"""Archives and built layers: the same sources give the same bytes, and a failed build leaves nothing."""

import os
import zipfile
from pathlib import Path

import pytest

from holdfast.errors import InvalidInputError, PermanentError
from holdfast.local.artifacts import Source, archive, sources_digest


def ignore(_: str) -> None:
    """Progress that nobody reads."""


def function(folder: Path) -> Source:
    folder.mkdir()
    (folder / "app.py").write_text("x = 1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "app.pyc").write_bytes(b"\0")
    return Source("Function", folder)


def layer(folder: Path, recipe: str) -> Source:
    folder.mkdir()
    (folder / "Makefile").write_text(f"build-Layer:\n\t{recipe}\n")
    return Source("Layer", folder, "build-Layer")


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = function(tmp_path / "a"), function(tmp_path / "b")
    os.utime(second.folder / "app.py", (1, 1))

    one, other = archive(first, tmp_path / "x", ignore), archive(second, tmp_path / "y", ignore)

    assert one.path.read_bytes() == other.path.read_bytes()
    assert one.digest == other.digest


def test_compiled_files_are_left_out(tmp_path: Path) -> None:
    packed = archive(function(tmp_path / "a"), tmp_path / "builds", ignore)

    assert zipfile.ZipFile(packed.path).namelist() == ["app.py"]


def test_a_change_of_content_name_or_mode_is_another_digest(tmp_path: Path) -> None:
    folder = function(tmp_path / "a").folder
    seen = [sources_digest(folder)]
    (folder / "app.py").write_text("x = 2\n")
    seen.append(sources_digest(folder))
    (folder / "app.py").chmod(0o755)
    seen.append(sources_digest(folder))
    (folder / "app.py").rename(folder / "b.py")
    seen.append(sources_digest(folder))

    assert len(set(seen)) == 4


def test_a_layer_is_built_by_its_makefile_once(tmp_path: Path) -> None:
    source = layer(
        tmp_path / "layer", 'mkdir "$(ARTIFACTS_DIR)/python" && date +%N > "$(ARTIFACTS_DIR)/python/built.py"'
    )
    lines: list[str] = []

    first = archive(source, tmp_path / "builds", lines.append).path.read_bytes()
    second = archive(source, tmp_path / "builds", lines.append).path.read_bytes()

    assert first == second
    assert lines == ["building Layer"]


def test_a_link_counts_as_what_it_points_to(tmp_path: Path) -> None:
    source = function(tmp_path / "a")
    (tmp_path / "shared.txt").write_text("1")
    (source.folder / "shared.txt").symlink_to(tmp_path / "shared.txt")
    before = sources_digest(source.folder)
    (tmp_path / "shared.txt").write_text("2")

    assert sources_digest(source.folder) != before
    packed = zipfile.ZipFile(archive(source, tmp_path / "builds", ignore).path)
    assert packed.read("shared.txt") == b"2"


def test_a_failed_build_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PermanentError) as caught:
        archive(layer(tmp_path / "layer", "echo no such package >&2; exit 3"), tmp_path / "builds", ignore)

    assert caught.value.code == "build_failed"
    assert "no such package" in caught.value.message
    assert list((tmp_path / "builds").iterdir()) == []


def test_a_function_with_requirements_of_its_own_is_refused(tmp_path: Path) -> None:
    source = function(tmp_path / "a")
    (source.folder / "requirements.txt").write_text("boto3\n")

    with pytest.raises(InvalidInputError) as caught:
        archive(source, tmp_path / "builds", ignore)

    assert caught.value.code == "function_has_requirements"
