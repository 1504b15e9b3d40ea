"""The end of a range of keys, which etcd wants instead of a prefix."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.etcd.methods import key_range


def covers(prefix: bytes, key: bytes) -> bool:
    """As etcd reads a range: [key, range_end), and a zero byte as the end means no end."""
    start, end = key_range(prefix)
    return start <= key and (end == b"\0" or key < end)


@given(prefix=st.binary(max_size=4), key=st.binary(min_size=1, max_size=6))
def test_a_range_covers_the_keys_with_the_prefix(prefix: bytes, key: bytes) -> None:
    assert covers(prefix, key) == key.startswith(prefix)


@given(prefix=st.binary(max_size=4), rest=st.binary(min_size=1, max_size=4))
def test_a_range_leaves_out_no_key_below_the_prefix(prefix: bytes, rest: bytes) -> None:
    assert covers(prefix, prefix + rest)
