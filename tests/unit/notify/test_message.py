"""What a person reads about a run."""

import pytest

from builders.runs import failed, succeeded
from holdfast.models.run import ErrorInfo
from holdfast.notify.message import body, detail_type, subject


def test_a_success_says_what_was_stored_and_that_it_was_verified() -> None:
    text = body(succeeded(warnings=("etcd 3.5.1 is prone to corruption",)))

    assert text.startswith("The recurring backup of prod-1 succeeded: it is sealed, and was read back and verified.\n")
    for line in (
        "Size:    413.0 MiB of database, 45.0 MiB stored",
        "Time:    3.1 s snapshot, 2.2 s verification",
        "Content: revision 77, 1234 keys",
        f"SHA-256: {'ab' * 32}",
        "Warning: etcd 3.5.1 is prone to corruption",
        "Backup:  20261120T120000Z-r-1a2b3c",
        "Run:     prod-1-20261120T120000Z-r-1a2b3c",
        "Started: 2026-11-20 12:00:00 UTC",
        "Ended:   2026-11-20 12:00:42 UTC",
    ):
        assert line in text.splitlines()


def test_a_failure_says_where_why_and_what_to_do() -> None:
    lines = body(failed()).splitlines()

    assert lines[0] == "The recurring backup of prod-1 failed."
    assert lines[2:5] == ["Code:    etcd_unreachable", "Reason:  no member answers", "To do:   check the network"]
    assert "Phase:   Snapshot" in lines
    assert not [line for line in lines if line.startswith("Size:")]


def test_a_refusal_says_so_and_claims_no_more() -> None:
    outcome = failed(status="refused", error=ErrorInfo(code="lease_held", family="refused", message="busy"))

    assert "was refused by a guardrail." in body(outcome)
    assert "To do:" not in body(outcome)


def test_a_run_without_a_backup_has_no_line_for_one() -> None:
    assert "Backup:" not in body(failed(backup_id=None))


def test_a_very_long_reason_is_cut() -> None:
    outcome = failed(error=ErrorInfo(code="odd", family="permanent", message="x" * 300_000))

    assert len(body(outcome)) < 3000
    assert " …" in body(outcome)


def test_the_subject_names_cluster_ending_and_code() -> None:
    assert subject(succeeded()) == "Holdfast: backup of prod-1 succeeded"
    assert subject(failed()) == "Holdfast: backup of prod-1 failed (etcd_unreachable)"


@pytest.mark.parametrize("code", ["c" * 200, "größe\nzwei\x7f"])
def test_the_subject_is_what_sns_accepts(code: str) -> None:
    line = subject(failed(code=code, cluster_id="c" * 48))

    assert len(line) <= 100
    assert all(" " <= letter <= "~" for letter in line)


@pytest.mark.parametrize(
    ("status", "expected"), [("succeeded", "Succeeded"), ("failed", "Failed"), ("refused", "Refused")]
)
def test_the_event_is_named_after_the_ending(status: str, expected: str) -> None:
    assert detail_type(succeeded(status=status)) == f"Holdfast Backup {expected}"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**40, "1.0 TiB"), (2**51, "2048.0 TiB")],
)
def test_sizes_are_in_powers_of_1024(count: int, shown: str) -> None:
    outcome = succeeded()
    assert outcome.figures is not None
    figures = outcome.figures.model_copy(update={"size": count})

    assert f"{shown} stored" in body(outcome.model_copy(update={"figures": figures}))
