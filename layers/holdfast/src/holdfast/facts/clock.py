"""A node's clock beside ours."""

from datetime import datetime

from holdfast.facts.unreadable import unreadable


def clock_offset_s(what: str, told: str, asked_at: datetime, read_at: datetime) -> float:
    """The least that the node's clock can be off: it looked at it, in whole seconds, between the two moments.

    PermanentError `node_output_unreadable` when it told no number.
    """
    if not told.isdecimal() or len(told) > 12:
        raise unreadable(what, "its clock is no number of seconds")
    earliest, latest = asked_at.timestamp(), read_at.timestamp()
    now = int(told)
    if now + 1 < earliest:
        return now + 1 - earliest
    return max(0.0, now - latest)
