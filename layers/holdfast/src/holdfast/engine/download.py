"""Bring a backup to a directory, ready for etcdutl: checked on the way, complete or not there at all."""

import os
from collections.abc import Callable
from pathlib import Path

from holdfast.engine.catalog import load_manifest
from holdfast.engine.readback import read_back, refuse_short_disk
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.backup import Manifest
from holdfast.planning.naming import MANIFEST
from holdfast.storage.base import ObjectReader

DATABASE = "snapshot.db"


def download(
    reader: ObjectReader, cluster_id: str, backup: str, directory: Path, progress: Callable[[int], None] | None = None
) -> tuple[Path, Manifest]:
    """`snapshot.db` (mode 0600: it holds every Secret) and `manifest.json` in `directory`; the path of the first.

    RefusedError `file_exists` and `disk_short` before anything is written; DamagedError when the bytes are not those of
    the manifest, and then no file is left.
    """
    manifest, body = load_manifest(reader, cluster_id, backup)
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / DATABASE
    _refuse_unfit(directory, target, manifest.snapshot.raw_size)
    part = directory / f".{DATABASE}.part"
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            read_back(reader, manifest.snapshot, file, progress=progress)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    except OSError as error:
        raise PermanentError("file_not_written", f"{target}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    (directory / MANIFEST).write_bytes(body)
    return target, manifest


def _refuse_unfit(directory: Path, target: Path, size: int) -> None:
    if target.exists():
        raise RefusedError("file_exists", f"{target} exists", hint="choose an empty directory; nothing is overwritten")
    refuse_short_disk(directory, size)
