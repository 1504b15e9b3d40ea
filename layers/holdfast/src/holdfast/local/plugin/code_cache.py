"""Unpacked function and layer archives, one folder per SHA-256, shared by all functions and all starts.

LocalStack itself unpacks a layer again after every start; with 90 MB of dependencies that is most of a deployment.
"""

import io
import os
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

KEPT_S = 7 * 24 * 3600
_lock = threading.Lock()


def unpacked(cache: Path, sha256_hex: str, download: Callable[[], bytes]) -> Path:
    """The folder of that archive; it appears whole or not at all (unpacked beside it, then renamed)."""
    folder = cache / sha256_hex
    with _lock:
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            beside = Path(tempfile.mkdtemp(dir=cache, prefix=".unpacking-"))
            try:
                _unpack(download(), beside)
                beside.chmod(0o755)
                beside.rename(folder)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    os.utime(folder)
    return folder


def forget_unused(cache: Path) -> None:
    """Removes what no function used for a week, and what a killed LocalStack left half unpacked."""
    for folder in cache.iterdir() if cache.exists() else []:
        if time.time() - folder.stat().st_mtime > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: bytes, target: Path) -> None:
    """Keeps the permission bits, which `ZipFile.extractall` drops: a layer may carry programs."""
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        for member in content.infolist():
            path = Path(content.extract(member, target))
            mode = member.external_attr >> 16
            if mode and not member.is_dir():
                path.chmod(mode & 0o777 | 0o400)
