"""What can be told of a stored snapshot without reading it whole: size, checksum, and the database's head."""

from holdfast.errors import DamagedError
from holdfast.etcd.format.head import read_head
from holdfast.etcd.format.seekable import FrameSource, SeekTable
from holdfast.models.backup import SnapshotObject
from holdfast.models.database import DatabaseHead
from holdfast.storage.base import ObjectInfo, ObjectReader


def check_size(reader: ObjectReader, snapshot: SnapshotObject) -> ObjectInfo:
    """The object as the store knows it. DamagedError `object_size_mismatch`: another one than was sent."""
    stored = reader.head(snapshot.key)
    if stored.size != snapshot.size:
        raise DamagedError(
            "object_size_mismatch", f"{snapshot.key} has {stored.size} bytes in the bucket; {snapshot.size} were sent"
        )
    return stored


def check_stored(reader: ObjectReader, snapshot: SnapshotObject) -> None:
    """DamagedError `object_size_mismatch`, `object_checksum_mismatch`: the store holds other bytes than were sent."""
    stored = check_size(reader, snapshot)
    if stored.checksum and stored.checksum != snapshot.checksum:
        raise DamagedError(
            "object_checksum_mismatch",
            f"{snapshot.key} has checksum {stored.checksum} in the bucket; {snapshot.checksum} was sent",
        )


def read_stored_head(reader: ObjectReader, snapshot: SnapshotObject) -> DatabaseHead:
    """The database's head, read from the bucket by a few ranged reads of the frames that hold it."""
    check_stored(reader, snapshot)

    def read_range(start: int, end: int) -> bytes:
        return reader.read(snapshot.key, start=start, end=end)

    table = SeekTable.from_tail(read_range, snapshot.size, snapshot.compression)
    if table.raw_size != snapshot.raw_size:
        raise DamagedError(
            "snapshot_size_mismatch",
            f"{snapshot.key} unpacks to {table.raw_size} bytes; the snapshot had {snapshot.raw_size}",
        )
    return read_head(FrameSource(table, read_range))
