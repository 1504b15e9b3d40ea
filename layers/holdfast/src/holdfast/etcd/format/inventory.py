"""The full reading of a database: every page, every record, and the hash that a live member would answer."""

from holdfast.etcd.format.bolt import BoltFile
from holdfast.etcd.format.crc import BackwardCrc32c
from holdfast.etcd.format.head import Compaction, read_head_and_compaction
from holdfast.etcd.format.keyspace import KeySpace
from holdfast.etcd.format.record import main_revision
from holdfast.etcd.format.source import PageSource
from holdfast.models.database import DatabaseHead, DatabaseSummary
from holdfast.models.etcd import HashKV

_KEY, _LEASE = b"key", b"lease"


def read_summary(source: PageSource, sha256: str, size: int) -> DatabaseSummary:
    """Reads all of `source`. `sha256` and `size` (of the snapshot, trailer included) are what TrailerHash answered.

    Memory: some 16 bytes per key ever written and not compacted, and a page. Raises DamagedError at the first breach.
    """
    head, compaction = read_head_and_compaction(source)
    bolt = BoltFile(source)
    keyspace = KeySpace(compaction.latest)
    leases = 0
    for name in bolt.buckets:
        if name == _KEY:
            for leaf in bolt.leaves(name):
                keyspace.add(leaf)
        else:
            count = sum(len(elements) for _, elements in bolt.leaves(name))
            leases += count if name == _LEASE else 0
    bolt.check_freelist()
    return DatabaseSummary(
        sha256=sha256,
        size=size,
        head=head,
        records=keyspace.records,
        live_keys=keyspace.live_keys,
        prefixes=keyspace.prefixes,
        resources=keyspace.resources(),
        other_keys=keyspace.other_keys,
        leases=leases,
        encryption_keys=keyspace.encryption_keys,
        hash_kv=_hash_kv(source, head, compaction, keyspace),
    )


def _hash_kv(source: PageSource, head: DatabaseHead, compaction: Compaction, keyspace: KeySpace) -> HashKV | None:
    """What Maintenance.HashKV answers at `head.revision`: CRC-32C over "key" and the keys and values of records.

    Hashed are all records above the compaction, and below it those that live. Where nothing lives etcd hashes all that
    is left (save deletions at the compaction itself); a half-done compaction leaves open what that is: no answer.
    (Source: etcd `mvcc/hash.go`, `mvcc/key_index.go` keep; 3.4, 3.5 and 3.6 agree, as their authors intend.)
    """
    crc = keyspace.crc
    if not keyspace.live_keys:
        if compaction.scheduled > compaction.finished:
            return None
        crc = _everything(source, compaction.finished)
    crc.prepend(_KEY)
    return HashKV(hash=crc.finish(), revision=head.revision, compact_revision=compaction.latest)


def _everything(source: PageSource, compacted: int) -> BackwardCrc32c:
    crc = BackwardCrc32c()
    for data, elements in BoltFile(source).leaves(_KEY):
        for revision, start, end in reversed(elements):
            if not (revision.endswith(b"t") and main_revision(revision) == compacted):
                crc.prepend(data[start - len(revision) : end])
    return crc
