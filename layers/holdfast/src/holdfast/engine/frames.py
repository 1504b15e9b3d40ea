"""Raw bytes to zstd frames, compressed by threads and handed back in order, with a bounded number in memory.

Each frame holds 4 MiB of the snapshot and is a zstd stream of its own: a reader can unpack one without the others.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import zstandard

FRAME_BYTES = 4 * 1024 * 1024
# Takes a Kubernetes database to a ninth of its size; level 3 is slower and no better there (bench/README.md).
LEVEL = 1
THREADS = 2
# Frames that wait or are at work: enough that neither the source nor a thread stands still.
IN_FLIGHT = THREADS + 1


@dataclass(frozen=True)
class PackedFrame:
    data: bytes
    raw_size: int


def raw_frames(blobs: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of FRAME_BYTES, the last one shorter. Each byte is copied once."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for blob in blobs:
        waiting.append(blob)
        size += len(blob)
        while size >= FRAME_BYTES:
            rest = size - FRAME_BYTES
            last = memoryview(waiting.pop())
            waiting.append(last[: len(last) - rest])
            yield b"".join(waiting)
            waiting = [last[len(last) - rest :]] if rest else []
            size = rest
    if size:
        yield b"".join(waiting)


class FramePacker:
    """A context manager: leaving it waits for its threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="zstd")
        self._of_thread = threading.local()

    def __enter__(self) -> "FramePacker":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def packed(self, frames: Iterable[bytes]) -> Iterator[PackedFrame]:
        waiting: deque[Future[PackedFrame]] = deque()
        for frame in frames:
            waiting.append(self._pool.submit(self._pack, frame))
            if len(waiting) >= IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _pack(self, frame: bytes) -> PackedFrame:
        compressor = getattr(self._of_thread, "compressor", None)
        if compressor is None:
            # A compressor is no object to share between threads.
            compressor = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True, write_checksum=True)
            self._of_thread.compressor = compressor
        return PackedFrame(compressor.compress(frame), len(frame))
