"""What the reader found in a snapshot file. Sizes are bytes; revisions are etcd's own."""

from holdfast.models.base import Sha256Hex, StoredModel
from holdfast.models.etcd import HashKV


class ResourceCount(StoredModel):
    """Live keys of one Kubernetes resource, with the bytes of their current values."""

    count: int
    bytes: int


class DatabaseHead(StoredModel):
    """What a handful of pages tell: read before a backup is sealed, without reading the whole file.

    `members` are the names in the `members` bucket (empty names dropped), sorted. `compact_revision` is the last one
    that finished, -1 when there was none. `consistent_index` is the raft index that the data includes, 0 where the file
    does not say; `cluster_version` is empty then.
    """

    page_size: int
    high_water_pages: int
    txid: int
    revision: int
    compact_revision: int
    consistent_index: int = 0
    members: tuple[str, ...] = ()
    cluster_version: str = ""


class DatabaseSummary(StoredModel):
    """What reading every page tells.

    `sha256` is that of the database, equal to the snapshot's own trailer; `size` is all bytes, the trailer included.

    `records` counts all revisions kept in the file, `live_keys` the keys that exist at `head.revision`. `resources` is
    keyed by "group/resource" or "resource" below the Kubernetes prefix; keys outside any known prefix are counted in
    `other_keys`. `encryption_keys` are the "provider:version:name" labels seen in encrypted values (never key
    material).
    `hash_kv` is what Maintenance.HashKV of a live member answers at `head.revision`. Its compact revision is the
    last scheduled one; None only when a compaction was half done and nothing lives.
    """

    sha256: Sha256Hex
    size: int
    head: DatabaseHead
    records: int
    live_keys: int
    prefixes: tuple[str, ...]
    resources: dict[str, ResourceCount]
    other_keys: int
    leases: int
    encryption_keys: tuple[str, ...]
    hash_kv: HashKV | None
