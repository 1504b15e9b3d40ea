"""The two ways of reading a record (quick, and complete) agree on every message, sound or broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.bolt_writer import delete, put, revision, varint
from holdfast.errors import DamagedError
from holdfast.etcd.format.record import main_revision, parse_key_value, read_key_value

KEYS = st.binary(min_size=1, max_size=20) | st.binary(min_size=120, max_size=140)
VALUES = st.binary(max_size=20) | st.binary(min_size=120, max_size=300)


@given(st.integers(1, 2**62), KEYS, VALUES, st.sampled_from([0, 1, 2**62]), st.binary(max_size=5))
def test_both_ways_of_reading_agree_with_what_was_written(
    main: int, key: bytes, value: bytes, lease: int, around: bytes
) -> None:
    _, message = put(main, key, value, lease=lease)
    data, start = around + message + around, len(around)
    end = start + len(message)
    for read in (read_key_value, parse_key_value):
        found_key, mod, value_start, value_end = read(data, start, end)
        assert (found_key, mod, data[value_start:value_end]) == (key, main, value)


@given(st.binary(max_size=40), st.integers(0, 5), st.integers(0, 5))
def test_any_bytes_are_a_message_for_both_ways_or_for_none(data: bytes, before: int, behind: int) -> None:
    start, end = min(before, len(data)), max(len(data) - behind, min(before, len(data)))
    try:
        expected = parse_key_value(data, start, end)
    except DamagedError:
        with pytest.raises(DamagedError, match="snapshot_record_invalid"):
            read_key_value(data, start, end)
    else:
        found = read_key_value(data, start, end)
        assert found[:2] == expected[:2]
        assert data[found[2] : found[3]] == data[expected[2] : expected[3]]


def test_a_deletion_has_a_key_and_nothing_else() -> None:
    _, message = delete(9, b"/registry/pods/a/b")
    assert read_key_value(message, 0, len(message))[:2] == (b"/registry/pods/a/b", 0)


def test_fields_that_a_later_etcd_may_add_are_skipped() -> None:
    _, message = put(5, b"k", b"value")
    more = message + b"\x3a" + varint(3) + b"abc" + b"\x41" + bytes(8) + b"\x4d" + bytes(4)
    key, mod, start, end = read_key_value(more, 0, len(more))
    assert (key, mod, more[start:end]) == (b"k", 5, b"value")


@pytest.mark.parametrize(
    "message",
    [b"\x0a\x05ab", b"\x0b", b"\x10" + b"\xff" * 12, b"\x02\x00", b"\x0a", b"\x00\x00", b"\x08\x01", b"\x2d1234"],
)
def test_a_broken_message_is_refused(message: bytes) -> None:
    with pytest.raises(DamagedError) as caught:
        read_key_value(message, 0, len(message))
    assert caught.value.code == "snapshot_record_invalid"


def test_a_revision_gives_its_main_part() -> None:
    assert main_revision(revision(2549, 3)) == 2549
    assert main_revision(revision(7, deleted=True)) == 7


@pytest.mark.parametrize(
    "key", [b"", revision(1)[:-1], revision(2**63), revision(1).replace(b"_", b"-"), revision(1) + b"x"]
)
def test_what_is_no_revision_is_refused(key: bytes) -> None:
    with pytest.raises(DamagedError) as caught:
        main_revision(key)
    assert caught.value.code == "snapshot_record_invalid"
