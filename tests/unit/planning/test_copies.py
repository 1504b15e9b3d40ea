"""The verdict on a copy: every object has to be there and be what was sealed; the worst of them decides."""

import pytest

from holdfast.planning.copies import Found, Wanted, judge

SHA = "sha256:AAAA-2"


def wanted(name: str = "snapshot.db.zst", replication: str = "COMPLETED", checksum: str = SHA) -> Wanted:
    return Wanted(name, 100, checksum, replication)


SAME = Found(100, SHA)


def test_a_copy_with_the_same_size_and_checksum_is_there() -> None:
    state = judge(((wanted(), SAME),))
    assert (state.kind, state.compared) == ("there", True)


@pytest.mark.parametrize("found", [Found(99, SHA), Found(0, SHA), Found(100, "sha256:BBBB-2")])
def test_another_size_or_checksum_differs_whatever_s3_says(found: Found) -> None:
    for replication in ("COMPLETED", "PENDING", "FAILED", ""):
        assert judge(((wanted(replication=replication), found),)).kind == "differs"


@pytest.mark.parametrize(("mine", "theirs"), [("etag:a-2", "etag:b-2"), (SHA, "etag:a"), ("", "sha256:x"), (SHA, "")])
def test_checksums_that_cannot_be_compared_are_not_and_it_is_said(mine: str, theirs: str) -> None:
    state = judge(((wanted(checksum=mine), Found(100, theirs)),))
    assert (state.kind, state.compared) == ("there", False)
    assert "the size is" in state.reason


def test_what_is_on_its_way_is_pending() -> None:
    state = judge(((wanted("manifest.json"), SAME), (wanted(replication="PENDING"), None)))
    assert state.kind == "pending"
    assert "snapshot.db.zst" in state.reason
    assert "manifest.json" not in state.reason


@pytest.mark.parametrize(
    ("replication", "word"), [("FAILED", "could not"), ("", "never asked"), ("COMPLETED", "somebody removed it")]
)
def test_what_is_not_there_and_not_on_its_way_is_missing_with_the_reason(replication: str, word: str) -> None:
    state = judge(((wanted("manifest.json", "PENDING"), None), (wanted(replication=replication), None)))
    assert state.kind == "missing"
    assert word in state.reason


def test_one_that_differs_is_worse_than_one_that_is_missing() -> None:
    assert judge(((wanted(replication="FAILED"), None), (wanted("manifest.json"), Found(1, SHA)))).kind == "differs"
