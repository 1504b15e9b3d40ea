"""The transfer of one sound snapshot into a store: what tests of stores that misbehave or check have in common."""

from datetime import UTC, datetime

from builders.snapshot_stream import blobs, database, snapshot
from holdfast.engine.transfer import transfer_snapshot
from holdfast.models.backup import SnapshotObject
from holdfast.planning.parts import MIB
from holdfast.storage.base import ObjectWriter

KEY = "c/20261120T154300Z-r-1a2b3c/snapshot.db.zst"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
# 14 MiB of noise: three parts of 5 MiB at most.
SOUND = snapshot(database(3584))


def transfer(writer: ObjectWriter) -> SnapshotObject:
    """SOUND, stored under KEY."""
    return transfer_snapshot(blobs(SOUND), writer, KEY, part_bytes=5 * MIB, clock=lambda: NOW, progress=lambda _: None)
