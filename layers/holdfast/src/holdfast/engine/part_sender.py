"""Bytes to the parts of a multipart upload: one part fills while others are sent, in a fixed number of buffers."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from holdfast.errors import PermanentError
from holdfast.planning.parts import MAX_PARTS
from holdfast.storage.base import Upload

# With the part that fills, this is what an upload holds in memory: three parts, 24 MiB for all databases below 40 GB.
IN_FLIGHT = 2


class PartSender:
    """A context manager: leaving it waits until no part is under way, so the upload may be completed or aborted."""

    def __init__(self, upload: Upload, part_bytes: int) -> None:
        self.size = 0
        self._upload = upload
        self._part_bytes = part_bytes
        self._hash = hashlib.sha256()
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(IN_FLIGHT):
            self._free.put(bytearray(part_bytes))
        self._part, self._filled = bytearray(part_bytes), 0
        self._sent = 0
        self._futures: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="part")

    def __enter__(self) -> "PartSender":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def sha256(self) -> str:
        """Of all bytes that were added."""
        return self._hash.hexdigest()

    def add(self, data: bytes) -> None:
        """Blocks while too many parts are under way; raises what an earlier part failed with."""
        self.size += len(data)
        self._hash.update(data)
        at = 0
        while at < len(data):
            taken = min(len(data) - at, self._part_bytes - self._filled)
            self._part[self._filled : self._filled + taken] = data[at : at + taken]
            at, self._filled = at + taken, self._filled + taken
            if self._filled == self._part_bytes:
                self._send(self._part)
                self._part, self._filled = self._free.get(), 0
                self._forget_arrived()

    def finish(self) -> None:
        """Send what is left and wait until every part has arrived."""
        if self._filled or self._sent == 0:
            self._send(self._part[: self._filled])
            self._filled = 0
        for future in self._futures:
            future.result()

    def _send(self, part: bytearray) -> None:
        if self._sent == MAX_PARTS:
            message = f"the snapshot needs more than {MAX_PARTS} parts of {self._part_bytes} bytes"
            hint = "the database has grown to more than twice its size since the plan was made; start a new run"
            raise PermanentError("snapshot_outgrew_parts", message, hint=hint)
        self._sent += 1
        future = self._pool.submit(self._upload.part, self._sent, part)
        future.add_done_callback(lambda _: self._free.put(part))
        self._futures.append(future)

    def _forget_arrived(self) -> None:
        """A failed part ends the transfer at the next chance, not after the whole database was read."""
        under_way = []
        for future in self._futures:
            if future.done():
                future.result()
            else:
                under_way.append(future)
        self._futures = under_way
