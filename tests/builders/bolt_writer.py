"""Writes small etcd databases by hand: every page is placed on purpose, so that a test can place it wrong."""

import hashlib
import struct

NO_FREELIST = 0xFFFF_FFFF_FFFF_FFFF
BRANCH, LEAF, META, FREELIST = 0x01, 0x02, 0x04, 0x10

type Items = list[tuple[bytes, bytes]]


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def revision(main: int, sub: int = 0, *, deleted: bool = False) -> bytes:
    return struct.pack(">Q", main) + b"_" + struct.pack(">Q", sub) + (b"t" if deleted else b"")


def put(main: int, key: bytes, value: bytes = b"v", *, sub: int = 0, lease: int = 0) -> tuple[bytes, bytes]:
    """A record as etcd writes it: fields in order, zero ones left out."""
    message = b"\x0a" + varint(len(key)) + key
    message += b"\x10" + varint(main) + b"\x18" + varint(main) + b"\x20\x01"
    message += b"\x2a" + varint(len(value)) + value if value else b""
    message += b"\x30" + varint(lease) if lease else b""
    return revision(main, sub), message


def delete(main: int, key: bytes, *, sub: int = 0) -> tuple[bytes, bytes]:
    return revision(main, sub, deleted=True), b"\x0a" + varint(len(key)) + key


def fnv1a_64(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def page(page_id: int, flags: int, count: int, body: bytes, overflow: int = 0) -> bytes:
    return struct.pack("<QHHI", page_id, flags, count, overflow) + body


def leaf_body(items: Items, kind: int = 0) -> bytes:
    table, at = b"", 16 * len(items)
    for number, (key, value) in enumerate(items):
        table += struct.pack("<IIII", kind, at - 16 * number, len(key), len(value))
        at += len(key) + len(value)
    return table + b"".join(key + value for key, value in items)


def branch_body(children: list[tuple[bytes, int]]) -> bytes:
    table, at = b"", 16 * len(children)
    for number, (key, child) in enumerate(children):
        table += struct.pack("<IIQ", at - 16 * number, len(key), child)
        at += len(key)
    return table + b"".join(key for key, _ in children)


class BoltWriter:
    """`database` gives the bytes; pages come to lie in the order in which they are added, from page 2 on."""

    def __init__(self, page_size: int = 4096, per_leaf: int = 8, per_branch: int = 4) -> None:
        self.page_size, self.per_leaf, self.per_branch = page_size, per_leaf, per_branch
        self.pages: list[bytes] = []

    @property
    def next_id(self) -> int:
        return 2 + sum(len(image) for image in self.pages) // self.page_size

    def add(self, flags: int, count: int, body: bytes) -> int:
        page_id = self.next_id
        overflow = max(0, -(-(16 + len(body)) // self.page_size) - 1)
        image = page(page_id, flags, count, body, overflow)
        self.pages.append(image.ljust((overflow + 1) * self.page_size, b"\0"))
        return page_id

    def tree(self, items: Items) -> int:
        """Leaves and as many levels of branches as they need; answers the id of the root."""
        level: list[tuple[bytes, int]] = []
        for start in range(0, max(len(items), 1), self.per_leaf):
            group = items[start : start + self.per_leaf]
            level.append((group[0][0] if group else b"", self.add(LEAF, len(group), leaf_body(group))))
        while len(level) > 1:
            groups = [level[start : start + self.per_branch] for start in range(0, len(level), self.per_branch)]
            level = [(group[0][0], self.add(BRANCH, len(group), branch_body(group))) for group in groups]
        return level[0][1]

    def database(
        self, buckets: dict[bytes, Items], *, inline: tuple[bytes, ...] = (), free: int | None = None, txid: int = 7
    ) -> bytes:
        """`inline` names the buckets that lie in the root page; `free` pages (if not None) are listed and empty."""
        entries: Items = []
        for name, items in sorted(buckets.items()):
            if name in inline:
                entries.append((name, bytes(16) + page(0, LEAF, len(items), leaf_body(items))))
            else:
                entries.append((name, struct.pack("<QQ", self.tree(items), 0)))
        root = self.add(LEAF, len(entries), leaf_body(entries, kind=1))
        freelist = NO_FREELIST
        if free is not None:
            first = self.next_id
            self.pages.extend(bytes(self.page_size) for _ in range(free))
            freelist = self.add(FREELIST, free, struct.pack(f"<{free}Q", *range(first, first + free)))
        return self.metas(root, freelist, txid) + b"".join(self.pages)

    def metas(self, root: int, freelist: int, txid: int) -> bytes:
        return b"".join(
            meta_page(number, self.page_size, root, freelist, self.next_id, txid - number).ljust(self.page_size, b"\0")
            for number in (0, 1)
        )


def meta_page(page_id: int, page_size: int, root: int, freelist: int, high_water: int, txid: int) -> bytes:
    body = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, page_size, 0, root, 0, freelist, high_water, txid)
    return page(page_id, META, 0, body + struct.pack("<Q", fnv1a_64(body)))


def etcd_buckets(records: Items, *, finished: int | None = None, scheduled: int | None = None) -> dict[bytes, Items]:
    """The buckets of a small etcd whose key space is `records`."""
    meta = [(b"consistent_index", struct.pack(">Q", 17))]
    if finished is not None:
        meta.append((b"finishedCompactRev", revision(finished)))
    if scheduled is not None:
        meta.append((b"scheduledCompactRev", revision(scheduled)))
    member = b'{"id":1311768467463790320,"peerURLs":["http://10.0.0.1:2380"],"name":"n1"}'
    return {
        b"alarm": [],
        b"cluster": [(b"clusterVersion", b"3.5.0")],
        b"key": records,
        b"lease": [],
        b"members": [(b"123456789abcdef0", member)],
        b"meta": meta,
    }


SMALL_BUCKETS = (b"alarm", b"cluster", b"lease", b"members", b"meta")


def etcd_database(records: Items, *, finished: int | None = None, scheduled: int | None = None) -> bytes:
    buckets = etcd_buckets(records, finished=finished, scheduled=scheduled)
    return BoltWriter().database(buckets, inline=SMALL_BUCKETS)


def signed(database: bytes) -> bytes:
    """A snapshot: the database and its SHA-256."""
    return database + hashlib.sha256(database).digest()
