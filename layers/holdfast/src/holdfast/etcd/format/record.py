"""etcd's records: the revision that is their key and the protobuf message that is their value.

Key: main revision (8 bytes, big endian), "_", sub revision (8 bytes), and "t" when the record says "deleted here".
Value: `mvccpb.KeyValue`, fields key 1, create_revision 2, mod_revision 3, version 4, value 5, lease 6.
(Source: etcd `mvcc/revision.go`, `api/mvccpb/kv.proto`; the same from 3.0 to 3.7.)
"""

import re

from holdfast.errors import DamagedError

TOMBSTONE_KEY_BYTES = 18
_REVISION_KEY = re.compile(rb"[\x00-\x7f].{7}_[\x00-\x7f].{7}t?", re.DOTALL)
_VARINT = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
# What etcd writes between a key and its value: fields in order, zero ones left out.
_MIDDLE = re.compile(
    rb"(?:\x10"
    + _VARINT
    + rb")?(?:\x18("
    + _VARINT
    + rb"))?(?:\x20"
    + _VARINT
    + rb")?(?:\x2a([\x80-\xff]{0,4}[\x00-\x7f]))?"
)
_LEASE = re.compile(rb"\x30" + _VARINT)
_WIRE_VARINT, _WIRE_FIXED64, _WIRE_BYTES, _WIRE_FIXED32 = 0, 1, 2, 5
_KEY_TAG, _KEY, _MOD_REVISION, _VALUE = 0x0A, 1, 3, 5
_WIRES = {_KEY: _WIRE_BYTES, 2: _WIRE_VARINT, _MOD_REVISION: _WIRE_VARINT, 4: _WIRE_VARINT, _VALUE: _WIRE_BYTES, 6: 0}

is_revision_key = _REVISION_KEY.fullmatch

# Key, mod revision (0 where the message has none), and where the value begins and ends in the page.
type KeyValue = tuple[bytes, int, int, int]


def invalid_record(reason: str) -> DamagedError:
    return DamagedError(
        "snapshot_record_invalid",
        reason,
        hint="The database is damaged even if its hash fits: use another backup, check the member it came from.",
    )


def main_revision(key: bytes) -> int:
    """The main revision of a record's key or of a compaction mark. Refuses what etcd could not have written."""
    if not is_revision_key(key):
        raise invalid_record(f"{key[:24].hex()} is no revision")
    return int.from_bytes(key[:8], "big")


def read_key_value(data: bytes, start: int, end: int) -> KeyValue:
    """The message between `start` and `end`. The form that etcd writes takes the short way, any other the long one."""
    if end - start > 2 and data[start] == _KEY_TAG:
        size, at = data[start + 1], start + 2
        if size > 0x7F:
            size, at = size & 0x7F | data[at] << 7, at + 1
        key_end = at + size
        if size < 0x4000 and key_end <= end and (middle := _MIDDLE.match(data, key_end, end)):
            mod, length = middle.groups()
            value = middle.end()
            value_end = value + (_varint(length) if length else 0)
            if value_end == end or (value_end < end and _LEASE.fullmatch(data, value_end, end)):
                return data[at:key_end], _varint(mod) if mod else 0, value, value_end
    return parse_key_value(data, start, end)


def parse_key_value(data: bytes, start: int, end: int) -> KeyValue:
    """The long way: any order, unknown fields skipped, the last one of a repeated field wins, as protobuf has it."""
    key, mod, value, value_end = b"", 0, end, end
    at = start
    while at < end:
        tag, at = _take_varint(data, at, end)
        field, wire = tag >> 3, tag & 7
        if not 0 < field < 1 << 29 or wire != _WIRES.get(field, wire):
            raise invalid_record(f"a stored value has a field {field} of wire type {wire}")
        if wire == _WIRE_VARINT:
            number, at = _take_varint(data, at, end)
            mod = number if field == _MOD_REVISION else mod
            continue
        if wire == _WIRE_BYTES:
            length, at = _take_varint(data, at, end)
        elif wire in {_WIRE_FIXED64, _WIRE_FIXED32}:
            length = 8 if wire == _WIRE_FIXED64 else 4
        else:
            raise invalid_record(f"a stored value has a field of wire type {wire}")
        if length > end - at:
            raise invalid_record(f"field {field} of a stored value ends behind it")
        if field == _KEY:
            key = data[at : at + length]
        elif field == _VALUE:
            value, value_end = at, at + length
        at += length
    return key, mod, value, value_end


def _varint(data: bytes) -> int:
    """A varint that is known to be complete. Up to four bytes (revisions below 268 million) without a loop."""
    raw = int.from_bytes(data, "little")
    if len(data) <= 4:
        return raw & 0x7F | (raw & 0x7F00) >> 1 | (raw & 0x7F0000) >> 2 | (raw & 0x7F000000) >> 3
    return sum((byte & 0x7F) << 7 * position for position, byte in enumerate(data))


def _take_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise invalid_record("a number in a stored value does not end")
