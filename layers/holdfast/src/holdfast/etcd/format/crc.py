"""CRC-32C of data that is met from its end to its beginning.

For two pieces A and B, crc(A + B) = crc(A) * x^(8 * len(B)) + crc(B) over GF(2) modulo the Castagnoli polynomial (the
rule behind zlib's crc32_combine). So a checksum can grow at its front, piece by piece, in constant memory.
"""

import google_crc32c

_POLYNOMIAL = 0x82F63B78  # bit-reflected, as CRC-32C is computed
_ONE, _X = 1 << 31, 1 << 30
_BATCH_BYTES = 1 << 20  # one multiplication takes some ten microseconds: worth it once per MiB, not once per page


def _multiply(a: int, b: int) -> int:
    product, bit = 0, _ONE
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        bit >>= 1
        b = b >> 1 ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _squares() -> list[int]:
    powers = [_X]
    for _ in range(66):
        powers.append(_multiply(powers[-1], powers[-1]))
    return powers


_SQUARES = _squares()  # x^(2^n)


def _shift(length: int) -> int:
    """x^(8 * length): what `length` bytes that follow do to a checksum."""
    power, exponent = _ONE, 3
    while length:
        if length & 1:
            power = _multiply(_SQUARES[exponent], power)
        length >>= 1
        exponent += 1
    return power


class BackwardCrc32c:
    """Pieces go in last one first; `finish` answers the CRC-32C of all of them in their true order."""

    def __init__(self) -> None:
        self._crc = 0
        self._weight = _ONE
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def prepend(self, piece: bytes) -> None:
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= _BATCH_BYTES:
            self._settle()

    def finish(self) -> int:
        self._settle()
        return self._crc

    def _settle(self) -> None:
        crc = 0
        for piece in reversed(self._waiting):
            crc = google_crc32c.extend(crc, piece)
        self._crc ^= _multiply(self._weight, crc)
        self._weight = _multiply(self._weight, _shift(self._waiting_bytes))
        self._waiting, self._waiting_bytes = [], 0
