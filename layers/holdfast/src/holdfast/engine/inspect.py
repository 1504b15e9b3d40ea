"""Reading a snapshot whole: a local file for an operator, a stream from a store for Verify.

A compressed snapshot goes through a temporary file, because pages are read by position and a database may be larger
than memory. Nothing is believed before the SHA-256 fits; the pages are read after that.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from holdfast.errors import InvalidInputError, PermanentError
from holdfast.etcd.format.compression import Form, invalid_compression, unpacked
from holdfast.etcd.format.inventory import read_summary
from holdfast.etcd.format.seekable import FORMS
from holdfast.etcd.format.source import FileSource
from holdfast.etcd.format.trailer import TRAILER_BYTES, TrailerHash
from holdfast.models.database import DatabaseSummary

_READ_BYTES = 1 << 20
# The worst zstd stream makes 128 KiB of four bytes, so this much at a time never becomes more than 32 MiB. (The worst
# of gzip is a thousandfold.)
_SLICE_BYTES = 1024
_BLOCK_BYTES = 1 << 20
_DISK_RESERVE_BYTES = 64 << 20
_MAGIC_BYTES = 4


def inspect_file(path: Path, *, work_dir: Path | None = None) -> DatabaseSummary:
    """Reads a `.db`, `.db.zst` or `.db.gz` file, told apart by their first bytes, whatever the name.

    `work_dir` takes the decompressed copy (default: the system's temporary directory). Raises DamagedError when the
    snapshot is not sound, InvalidInputError (`file_unreadable`) when there is no file to read, PermanentError
    (`snapshot_too_large`) when the disk cannot take what comes out of it.
    """
    try:
        with path.open("rb") as file:
            if _form(file.read(_MAGIC_BYTES)):
                return _inspect_compressed(file, work_dir)
            sha256, size = _hash_chunks(_chunks(file))
            return read_summary(FileSource(file.fileno(), size - TRAILER_BYTES), sha256, size)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _too_large("there is no space left for the decompressed snapshot") from error
        hint = "Check the path and your rights on it."
        raise InvalidInputError("file_unreadable", f"{path}: {error.strerror}", hint=hint) from error


def unpack_stream(chunks: Iterable[bytes], out: BinaryIO, *, max_size: int = 1 << 40) -> tuple[str, int]:
    """Decompresses `chunks` (zstd frames or gzip members, any number) into `out`, checking the trailer on the way.

    Answers the SHA-256 of the database and the size of all raw bytes, as TrailerHash does. Hashing runs in a thread
    beside decompression. Raises DamagedError (`snapshot_compression_invalid` and those of TrailerHash), PermanentError
    (`snapshot_too_large`) beyond `max_size` bytes; what was written until then is of no use.
    """
    size = 0
    trailer = TrailerHash()
    hashing: Future[None] | None = None
    with ThreadPoolExecutor(1, "snapshot-hash") as pool:
        for block in _blocks(decompress(chunks)):
            size += len(block)
            if size > max_size:
                raise _too_large(f"more than {max_size} bytes come out of the compressed snapshot")
            if hashing:
                hashing.result()
            hashing = pool.submit(trailer.update, block)
            out.write(block)
        if hashing:
            hashing.result()
    out.flush()
    return trailer.finish()


def decompress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The raw bytes of zstd frames or gzip members, told apart by their first bytes. A cut or foreign one, and garbage
    behind the last, is DamagedError."""
    pieces = _slices(chunks)
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= _MAGIC_BYTES:
            break
    form = _form(start)
    if form is None:
        raise invalid_compression("the compressed snapshot is neither zstd nor gzip")
    return unpacked(form, chain([start], pieces))


def _form(start: bytes) -> Form | None:
    return next((form for form in FORMS.values() if form.recognizes(start)), None)


def _too_large(reason: str) -> PermanentError:
    hint = "Free disk space (TMPDIR chooses the disk), and check that the file is a snapshot."
    return PermanentError("snapshot_too_large", reason, hint=hint)


def _inspect_compressed(file: BinaryIO, work_dir: Path | None) -> DatabaseSummary:
    with tempfile.TemporaryFile(dir=work_dir) as raw:
        free = shutil.disk_usage(work_dir or tempfile.gettempdir()).free
        sha256, size = unpack_stream(_chunks(file), raw, max_size=max(free - _DISK_RESERVE_BYTES, 0))
        return read_summary(FileSource(raw.fileno(), size - TRAILER_BYTES), sha256, size)


def _hash_chunks(chunks: Iterable[bytes]) -> tuple[str, int]:
    trailer = TrailerHash()
    for chunk in chunks:
        trailer.update(chunk)
    return trailer.finish()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0, os.SEEK_SET)
    return iter(lambda: file.read(_READ_BYTES), b"")


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    return chain.from_iterable(
        (chunk[at : at + _SLICE_BYTES] for at in range(0, len(chunk), _SLICE_BYTES)) for chunk in chunks
    )


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Joins small pieces: a thread is worth waking for a megabyte, not for a few kilobytes."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
