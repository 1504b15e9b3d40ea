"""The hash at the end of a snapshot, which tells a whole stream from a broken one."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import DamagedError
from holdfast.etcd.format.trailer import TrailerHash

DATABASE = bytes(range(256)) * 8
TRAILER = hashlib.sha256(DATABASE).digest()


def finish(*chunks: bytes) -> tuple[str, int]:
    trailer = TrailerHash()
    for chunk in chunks:
        trailer.update(chunk)
    return trailer.finish()


def code_of(*chunks: bytes) -> str:
    with pytest.raises(DamagedError) as caught:
        finish(*chunks)
    return caught.value.code


@given(st.lists(st.integers(min_value=1, max_value=700)))
def test_the_hash_does_not_depend_on_how_the_bytes_are_cut(sizes: list[int]) -> None:
    left, chunks = DATABASE + TRAILER, []
    for size in sizes:
        chunks.append(left[:size])
        left = left[size:]
    assert finish(*chunks, left) == (TRAILER.hex(), len(DATABASE) + 32)


def test_a_view_of_a_buffer_is_taken_too() -> None:
    trailer = TrailerHash()
    trailer.update(memoryview(DATABASE + TRAILER))
    assert trailer.finish() == (TRAILER.hex(), len(DATABASE) + 32)


@given(st.integers(min_value=0, max_value=len(DATABASE) + 31), st.integers(min_value=0, max_value=7))
def test_any_flipped_bit_is_refused(position: int, bit: int) -> None:
    changed = bytearray(DATABASE + TRAILER)
    changed[position] ^= 1 << bit
    assert code_of(bytes(changed)) == "snapshot_hash_mismatch"


def test_nothing_is_told_from_a_stripped_trailer_and_from_a_cut() -> None:
    assert code_of() == "snapshot_empty"
    assert code_of(hashlib.sha256(b"").digest()) == "snapshot_empty"
    assert code_of(DATABASE) == "snapshot_hash_missing"
    assert code_of(DATABASE + TRAILER[:-1]) == "snapshot_truncated"
    assert code_of((DATABASE + TRAILER)[512:]) == "snapshot_hash_mismatch"
