"""The checksum that is built from the end of a file to its start, against the usual one from start to end."""

import google_crc32c
from hypothesis import given
from hypothesis import strategies as st

from holdfast.etcd.format.crc import BackwardCrc32c


@given(st.lists(st.binary(max_size=200)))
def test_pieces_put_in_front_give_the_checksum_of_the_whole(pieces: list[bytes]) -> None:
    crc = BackwardCrc32c()
    for piece in reversed(pieces):
        crc.prepend(piece)
    assert crc.finish() == google_crc32c.value(b"".join(pieces))


def test_more_than_one_batch_gives_the_checksum_of_the_whole() -> None:
    pieces = [bytes([number]) * (300_000 + number) for number in range(12)]
    crc = BackwardCrc32c()
    for piece in reversed(pieces):
        crc.prepend(piece)
    assert crc.finish() == google_crc32c.value(b"".join(pieces))


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_finish_may_be_asked_again_after_more_pieces(front: bytes, back: bytes) -> None:
    crc = BackwardCrc32c()
    crc.prepend(back)
    assert crc.finish() == google_crc32c.value(back)
    crc.prepend(front)
    assert crc.finish() == google_crc32c.value(front + back)
