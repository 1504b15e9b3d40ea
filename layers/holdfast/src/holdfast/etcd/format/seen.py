"""Which keys were met already, at 16 bytes or so for each."""

from array import array

_FIRST_SLOTS = 1 << 16


class SeenKeys:
    """A set of keys that keeps eight bytes of each: open addressing over Python's own keyed 64-bit hash of bytes.

    Two keys with one hash would be taken for the same key. For a million and a half keys the chance is 6 in 10^8, and
    nobody can aim at it, because Python draws a new hash key in every process (unless PYTHONHASHSEED fixes it).
    A `set` would need six times the memory: at a million keys that is more than the rest of the reader together.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._mask = _FIRST_SLOTS - 1
        self._free = _FIRST_SLOTS // 2

    def add(self, key: bytes) -> bool:
        """Whether the key is new."""
        mark = hash(key) & 0xFFFF_FFFF_FFFF_FFFF or 1
        slots, mask = self._slots, self._mask
        slot = mark & mask
        while found := slots[slot]:
            if found == mark:
                return False
            slot = slot + 1 & mask
        slots[slot] = mark
        self._free -= 1
        if not self._free:
            self._grow()
        return True

    def _grow(self) -> None:
        size = 2 * len(self._slots)
        mask, slots = size - 1, array("Q", bytes(8 * size))
        for mark in self._slots:
            if mark:
                slot = mark & mask
                while slots[slot]:
                    slot = slot + 1 & mask
                slots[slot] = mark
        self._free = size // 2 - len(self._slots) // 2
        self._slots, self._mask = slots, mask
