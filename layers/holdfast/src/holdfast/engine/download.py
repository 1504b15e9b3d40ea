"""Bring a backup to a directory, ready for etcdutl: checked on the way, complete or not there at all."""

import os
from collections.abc import Callable
from pathlib import Path

from holdfast.engine.readback import read_back, refuse_short_disk
from holdfast.engine.services import Services
from holdfast.engine.signing import SignedManifest, load_signed
from holdfast.errors import PermanentError, RefusedError
from holdfast.planning.naming import MANIFEST, SIGNATURE, backup_key

DATABASE = "snapshot.db"


def download(
    services: Services, cluster_id: str, backup: str, directory: Path, progress: Callable[[int], None] | None = None
) -> tuple[Path, SignedManifest]:
    """`snapshot.db` (mode 0600: it holds every Secret), `manifest.json` and, of a manifest whose signature was found
    good, `manifest.sig` in `directory`; the path of the first.

    RefusedError `manifest_signature_invalid`, `file_exists` and `disk_short` before anything is written; DamagedError
    when the bytes are not those of the manifest, and then no file is left.
    """
    signed = load_signed(services, cluster_id, backup)
    reader, manifest = services.reader, signed.manifest
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
    (directory / MANIFEST).write_bytes(signed.body)
    if signed.signature == "valid":
        (directory / SIGNATURE).write_bytes(reader.read(backup_key(cluster_id, backup, SIGNATURE)))
    return target, signed


def _refuse_unfit(directory: Path, target: Path, size: int) -> None:
    if target.exists():
        raise RefusedError("file_exists", f"{target} exists", hint="choose an empty directory; nothing is overwritten")
    refuse_short_disk(directory, size)
