"""Raw bytes to zstd frames, compressed by threads and handed back in order, in a fixed number of buffers.

Each frame holds 4 MiB of the snapshot and is a zstd stream of its own: a reader can unpack one without the others. The
buffers are used again and again: memory that is taken anew for every frame, in several threads, comes back with holes.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import cast

import zstandard

FRAME_BYTES = 4 * 1024 * 1024
# Takes a Kubernetes database to a ninth of its size; level 3 is slower and no better there (bench/README.md).
LEVEL = 1
THREADS = 2
# Frames that wait or are at work: enough that neither the source nor a thread stands still.
IN_FLIGHT = THREADS + 1
_OUT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class PackedFrame:
    data: bytes
    raw_size: int


class FramePacker:
    """A context manager: leaving it waits for its threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="zstd")
        self._of_thread = threading.local()
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(IN_FLIGHT + 1):
            self._free.put(bytearray(FRAME_BYTES))

    def __enter__(self) -> "FramePacker":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def packed(self, blobs: Iterable[bytes], seen: Callable[[memoryview], None]) -> Iterator[PackedFrame]:
        """`seen` gets each raw frame before it is compressed; its bytes are others' after that."""
        waiting: deque[Future[PackedFrame]] = deque()
        for frame in self._raw_frames(blobs):
            seen(frame)
            waiting.append(self._pool.submit(self._pack, frame))
            if len(waiting) >= IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _raw_frames(self, blobs: Iterable[bytes]) -> Iterator[memoryview]:
        """The same bytes in pieces of FRAME_BYTES, the last one shorter."""
        frame, filled = memoryview(self._free.get()), 0
        for blob in blobs:
            at = 0
            while at < len(blob):
                taken = min(len(blob) - at, FRAME_BYTES - filled)
                frame[filled : filled + taken] = blob[at : at + taken]
                at, filled = at + taken, filled + taken
                if filled == FRAME_BYTES:
                    yield frame
                    frame, filled = memoryview(self._free.get()), 0
        if filled:
            yield frame[:filled]

    def _pack(self, frame: memoryview) -> PackedFrame:
        compressor = getattr(self._of_thread, "compressor", None)
        if compressor is None:
            # A compressor is no object to share between threads.
            compressor = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True, write_checksum=True)
            self._of_thread.compressor = compressor
        try:
            chunker = compressor.chunker(size=len(frame), chunk_size=_OUT_BYTES)
            data = b"".join([*chunker.compress(frame), *chunker.finish()])
        finally:
            self._free.put(cast("bytearray", frame.obj))
        return PackedFrame(data, len(frame))
