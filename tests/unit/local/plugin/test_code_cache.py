"""Unpacked code outlives the embedded stack: whole or not at all, and not for ever."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from holdfast.local.plugin.code_cache import forget_unused, unpacked


def zipped(mode: int = 0o100644) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        entry = zipfile.ZipInfo("bin/tool")
        entry.external_attr = mode << 16
        archive.writestr(entry, b"#!/bin/sh\n")
    return content.getvalue()


def test_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def download() -> bytes:
        calls.append(1)
        return zipped()

    first, second = unpacked(tmp_path, "abc", download), unpacked(tmp_path, "abc", download)

    assert first == second == tmp_path / "abc"
    assert (first / "bin" / "tool").read_text() == "#!/bin/sh\n"
    assert len(calls) == 1


def test_unpacked_programs_stay_executable(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, "abc", lambda: zipped(0o100755))

    assert (folder / "bin" / "tool").stat().st_mode & 0o777 == 0o755


def test_a_broken_archive_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(zipfile.BadZipFile):
        unpacked(tmp_path, "abc", lambda: b"no zip")

    assert list(tmp_path.iterdir()) == []


def test_code_that_no_function_used_for_a_week_is_forgotten(tmp_path: Path) -> None:
    for name in ("old", "new"):
        unpacked(tmp_path, name, zipped)
    os.utime(tmp_path / "old", (0, 0))
    unpacked(tmp_path, "used again", zipped)
    os.utime(tmp_path / "used again", (0, 0))
    unpacked(tmp_path, "used again", zipped)

    forget_unused(tmp_path)
    forget_unused(tmp_path / "not there yet")

    assert {folder.name for folder in tmp_path.iterdir()} == {"new", "used again"}
