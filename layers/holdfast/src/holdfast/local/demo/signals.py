"""A demo that is told to end ends cleanly, and its cleaning up is not interrupted."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def ending_interrupts() -> Iterator[None]:
    """Inside, a closed terminal or a `kill` is what Ctrl-C is. Main thread only."""
    before = {number: signal.signal(number, _interrupt) for number in _ENDING}
    # A shell without job control starts background commands with Ctrl-C ignored; Python then raises nothing.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, all of these are ignored."""
    numbers = (signal.SIGINT, *_ENDING)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
