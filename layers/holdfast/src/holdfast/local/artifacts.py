"""The archives that a template's local paths stand for: function folders as they are, layers by their own Makefile.

`sam build` runs the same Makefile targets. Builds are kept by the digest of their sources. Archives are reproducible:
the same sources give the same bytes, hence the same SHA-256, hence code that LocalStack's plugin has unpacked already.
"""

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import InvalidInputError, PermanentError
from holdfast.local.commands import run, uv

EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip entry can have
COMPRESSION_LEVEL = 4
KEPT_S = 24 * 3600
NOT_SOURCES = frozenset({"__pycache__", ".DS_Store"})


@dataclass(frozen=True)
class Source:
    """One local folder of the template. `target` names its Makefile's target; None packs the folder as it is."""

    logical_id: str
    folder: Path
    target: str | None = None


@dataclass(frozen=True)
class Archive:
    """`digest` is that of the sources, not of the zip file."""

    path: Path
    digest: str


def archive(source: Source, builds: Path, progress: Callable[[str], None]) -> Archive:
    """The zip file of that source, built unless it was before. Fails with `build_failed`."""
    if source.target is None and (source.folder / "requirements.txt").exists():
        raise InvalidInputError(
            "function_has_requirements",
            f"{source.folder} has a requirements.txt; functions here take third-party packages from a layer",
            hint="add the package to requirements/runtime.in",
        )
    digest = sources_digest(source.folder)
    finished = builds / f"{source.logical_id}-{digest[:16]}.zip"
    if not finished.exists():
        builds.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=builds, prefix=".building-") as scratch:
            packed = Path(scratch) / finished.name
            _pack(_built(source, Path(scratch) / "content", progress), packed)
            packed.rename(finished)
        _forget_old(builds, source.logical_id)
    return Archive(finished, digest)


def sources_digest(folder: Path) -> str:
    """Over names, contents and the executable bit."""
    digest = hashlib.sha256()
    for path in files_of(folder):
        head = f"{path.relative_to(folder)}\0{os.access(path, os.X_OK)}\0{path.stat().st_size}\0"
        digest.update(head.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def files_of(folder: Path) -> Iterator[Path]:
    """Every file in name order; symbolic links are followed, as `sam build` does when it copies the folder."""
    for path in sorted(folder.rglob("*", recurse_symlinks=True)):
        if path.is_file() and path.suffix != ".pyc" and NOT_SOURCES.isdisjoint(path.relative_to(folder).parts):
            yield path


def _forget_old(builds: Path, logical_id: str) -> None:
    """Not at once: another stack may be uploading an archive of other sources."""
    for path in builds.glob(f"{logical_id}-*.zip"):
        if time.time() - path.stat().st_mtime > KEPT_S:
            path.unlink(missing_ok=True)


def _built(source: Source, target: Path, progress: Callable[[str], None]) -> Path:
    if source.target is None:
        return source.folder
    progress(f"building {source.logical_id}")
    target.mkdir()
    command = ["make", "--silent", "-C", str(source.folder), source.target, f"ARTIFACTS_DIR={target}", f"UV={uv()}"]
    if shutil.which("make") is None:
        raise PermanentError("make_missing", "layers are built with make, which is not on PATH", hint="install make")
    run(command, code="build_failed", what=f"building {source.logical_id}")
    return target


def _pack(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as packed:
        for path in files_of(folder):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), EPOCH)
            entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes(), compresslevel=COMPRESSION_LEVEL)
