"""How long to wait before the next look at work on a node. Pure.

A look costs a connection and a slice of a function's time, so their number must not grow with the length of the work:
each wait is half of what has passed already. The end is noticed late by a third of the whole at most.
"""

SHORTEST_S, LONGEST_S = 1, 60
SPEAKING_S = 30
# What a node does in a second, saving, hashing, compressing and sending together: 54 MB of a database of 106 MB on two
# cores that also ran three members and the store (bench/README.md).
BYTES_PER_S = 50_000_000


def first_wait(expected_bytes: int) -> int:
    """Seconds until the first look at work of that size."""
    return _bounded(expected_bytes / BYTES_PER_S)


def next_wait(elapsed_s: float, *, speaks: bool = False) -> int:
    """`speaks`: the work says what it does, and somebody may be reading along."""
    wait = _bounded(elapsed_s / 2)
    return min(wait, SPEAKING_S) if speaks else wait


def _bounded(seconds: float) -> int:
    return max(SHORTEST_S, min(LONGEST_S, round(seconds)))
