"""Sizes, durations and lines as people read them."""

import io

import pytest
from rich.console import Console

from holdfast.cli.render import human_bytes, human_seconds, human_speed, say, table


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (7_036_960, "7.0 MB"),
        (2_147_483_648, "2.1 GB"),
        (5 * 10**12, "5.0 TB"),
    ],
)
def test_sizes_are_shown_in_decimal_units(size: int, text: str) -> None:
    assert human_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.00 s"), (0.214, "0.21 s"), (3.14, "3.1 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")],
)
def test_durations_have_the_precision_that_matters(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


def test_a_speed_over_no_time_is_unknown() -> None:
    assert human_speed(10**8, 2) == "50 MB/s"
    assert human_speed(10**8, 0) == "-"


def test_a_file_gets_whole_lines_without_blanks_at_their_ends() -> None:
    written = io.StringIO()
    screen = Console(file=written, width=40, markup=False)
    say(screen, "a line to copy " + "x" * 60)
    say(screen, table(("A", "B"), [("[brackets] stay", "")]), indent=2)
    assert written.getvalue() == f"a line to copy {'x' * 60}\n  A                B\n  [brackets] stay\n"
