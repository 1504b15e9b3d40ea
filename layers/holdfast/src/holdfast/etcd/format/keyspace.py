"""What the records of the `key` bucket add up to, fed leaf by leaf from the newest record to the oldest.

The first record met of a key is its newest: if that is no deletion, the key lives. Resources follow from the key:

    /registry/pods/default/web                       pods
    /registry/services/specs/default/web             services/specs    (the first segment is an old two-part name)
    /registry/monitoring.coreos.com/rules/a/b        monitoring.coreos.com/rules    (it has a dot: an API group)

The same below /kubernetes.io and /openshift.io. Any other key, and all names after the first MAX_NAMES, count as other.
"""

import re

from holdfast.etcd.format.bolt import Leaf
from holdfast.etcd.format.crc import BackwardCrc32c
from holdfast.etcd.format.record import TOMBSTONE_KEY_BYTES, invalid_record, is_revision_key, read_key_value
from holdfast.etcd.format.seen import SeenKeys
from holdfast.models.database import ResourceCount

MAX_NAMES = 10_000  # of resources, and of encryption keys: memory stays bounded whatever the keys look like
_RESOURCE = re.compile(
    rb"(/registry|/kubernetes\.io|/openshift\.io)/((?:services|ranges|oauth|[^/]*\.[^/]*)/[^/]+|[^/]+)", re.DOTALL
)
_ENCRYPTED = b"k8s:enc:"
# Kubernetes writes k8s:enc:<provider>:<version>:<key or plugin name>: before the ciphertext.
_ENCRYPTION_KEY = re.compile(rb"k8s:enc:([a-z0-9]{1,32}:v[0-9]{1,2}:[!-9;-~]{1,253}):")


class KeySpace:
    """Counts, and the bytes that etcd's HashKV covers: every record above `compact_revision`, and live ones below.

    `records`, `live_keys` and `other_keys` are plain counts; `crc` takes the hashed bytes from the end to the start.
    """

    def __init__(self, compact_revision: int) -> None:
        self.records = self.live_keys = self.other_keys = 0
        self.crc = BackwardCrc32c()
        self._compacted = max(compact_revision + 1, 0).to_bytes(8, "big")
        self._seen = SeenKeys()
        self._sizes: dict[bytes, list[int]] = {}
        self._prefixes: set[bytes] = set()
        self._encryption_keys: set[bytes] = set()

    def add(self, leaf: Leaf) -> None:
        data, elements = leaf
        self.records += len(elements)
        compacted, is_new = self._compacted, self._seen.add
        run_start = run_end = 0  # neighbours are hashed in one piece
        for revision, start, end in reversed(elements):
            if not is_revision_key(revision):
                raise invalid_record(f"{revision[:24].hex()} is no revision")
            key, mod_revision, value, value_end = read_key_value(data, start, end)
            deleted = len(revision) == TOMBSTONE_KEY_BYTES
            if not key or (not deleted and mod_revision != int.from_bytes(revision[:8], "big")):
                raise invalid_record(f"the record {revision.hex()} holds another revision's value")
            live = is_new(key) and not deleted
            if live:
                self._count(key, data, value, value_end)
            if live or revision > compacted:
                if end != run_start:
                    if run_end:
                        self.crc.prepend(data[run_start:run_end])
                    run_end = end
                run_start = start - len(revision)
        if run_end:
            self.crc.prepend(data[run_start:run_end])

    def _count(self, key: bytes, data: bytes, value: int, value_end: int) -> None:
        self.live_keys += 1
        if name := _RESOURCE.match(key):
            sizes = self._sizes.get(name[0])
            if sizes is None and len(self._sizes) < MAX_NAMES:
                self._prefixes.add(name[1])
                sizes = self._sizes[name[0]] = [0, 0]
            if sizes is not None:
                sizes[0] += 1
                sizes[1] += value_end - value
            else:
                self.other_keys += 1
        else:
            self.other_keys += 1
        if data.startswith(_ENCRYPTED, value):
            label = _ENCRYPTION_KEY.match(data, value, value_end)
            if label and len(self._encryption_keys) < MAX_NAMES:
                self._encryption_keys.add(label[1])

    @property
    def prefixes(self) -> tuple[str, ...]:
        return tuple(sorted(prefix.decode() for prefix in self._prefixes))

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        return tuple(sorted(label.decode() for label in self._encryption_keys))

    def resources(self) -> dict[str, ResourceCount]:
        """By name, sorted. A resource under two prefixes is counted once, in one sum."""
        totals: dict[str, tuple[int, int]] = {}
        for path, (count, size) in self._sizes.items():
            name = path.split(b"/", 2)[2].decode(errors="backslashreplace")
            before = totals.get(name, (0, 0))
            totals[name] = (before[0] + count, before[1] + size)
        return {name: ResourceCount(count=count, bytes=size) for name, (count, size) in sorted(totals.items())}
