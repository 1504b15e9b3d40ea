"""A snapshot's bytes from etcd into the bucket: hashed, compressed and sent while they are read, nothing on disk.

Memory does not depend on the size of the database: a few frames and a few parts. All or nothing: whatever goes wrong,
the upload is aborted after its last part has ended, and a wrong hash is found before the upload is completed.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from holdfast.engine.frames import FramePacker
from holdfast.engine.part_sender import PartSender
from holdfast.errors import HoldfastError
from holdfast.etcd.format.seekable import SeekTable
from holdfast.etcd.format.trailer import TrailerHash
from holdfast.models.backup import SnapshotObject
from holdfast.storage.base import ObjectWriter, Upload


def transfer_snapshot(
    blobs: Iterable[bytes],
    writer: ObjectWriter,
    key: str,
    *,
    part_bytes: int,
    clock: Callable[[], datetime],
    progress: Callable[[int], None],
) -> SnapshotObject:
    """Read `blobs` to their end and store them under `key`; `progress` gets the raw bytes so far after every 4 MiB.

    Raises what the source, the store or `TrailerHash.finish` raise; PermanentError `snapshot_outgrew_parts` when S3's
    10,000 parts do not suffice. Then there is no object and no part. An error after the store accepted the completion
    (an answer that was lost, a checksum that differs) leaves an object that no manifest seals, which is no backup.
    """
    started_at = clock()
    upload = writer.start_upload(key)
    try:
        sender, raw_size, sha256 = _send(blobs, upload, part_bytes, progress)
        completed = upload.complete()
    except BaseException as error:
        _abort(upload, error)
        raise
    return SnapshotObject(
        key=key,
        size=sender.size,
        object_sha256=sender.sha256,
        raw_size=raw_size,
        sha256=sha256,
        checksum=completed.checksum,
        version_id=completed.version_id,
        started_at=started_at,
        finished_at=clock(),
    )


def _send(
    blobs: Iterable[bytes], upload: Upload, part_bytes: int, progress: Callable[[int], None]
) -> tuple[PartSender, int, str]:
    trailer = TrailerHash()
    table = SeekTable()
    done = 0
    with PartSender(upload, part_bytes) as sender:
        with FramePacker() as packer:
            for frame in packer.packed(blobs, trailer.update):
                table.frames.append((len(frame.data), frame.raw_size))
                sender.add(frame.data)
                done += frame.raw_size
                progress(done)
        sha256, raw_size = trailer.finish()
        sender.add(table.to_bytes())
        sender.finish()
    return sender, raw_size, sha256


def _abort(upload: Upload, error: BaseException) -> None:
    """The first error is what the operator must hear of; a failed abort is a note to it (the next run aborts again)."""
    try:
        upload.abort()
    except HoldfastError as second:
        error.add_note(f"the unfinished upload could not be aborted either: {second}")
