"""Bytes to the parts of a multipart upload, a few parts sent at the same time while the next one fills."""

import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from holdfast.errors import PermanentError
from holdfast.planning.parts import MAX_PARTS
from holdfast.storage.base import Upload

# With the part that fills, this is what an upload holds in memory: four parts, 32 MiB for all databases below 40 GB.
IN_FLIGHT = 3


class PartSender:
    """A context manager: leaving it waits until no part is under way, so the upload may be completed or aborted."""

    def __init__(self, upload: Upload, part_bytes: int) -> None:
        self.size = 0
        self._upload = upload
        self._part_bytes = part_bytes
        self._hash = hashlib.sha256()
        self._filling = bytearray()
        self._sent = 0
        self._futures: list[Future[None]] = []
        self._free = threading.Semaphore(IN_FLIGHT)
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
        self._filling += data
        while len(self._filling) >= self._part_bytes:
            part = bytes(memoryview(self._filling)[: self._part_bytes])
            del self._filling[: self._part_bytes]
            self._send(part)

    def finish(self) -> None:
        """Send what is left and wait until every part has arrived."""
        if self._filling or self._sent == 0:
            self._send(bytes(self._filling))
            self._filling.clear()
        for future in self._futures:
            future.result()

    def _send(self, part: bytes) -> None:
        self._free.acquire()
        self._forget_arrived()
        if self._sent == MAX_PARTS:
            message = f"the snapshot needs more than {MAX_PARTS} parts of {self._part_bytes} bytes"
            hint = "the database has grown to more than twice its size since the plan was made; start a new run"
            raise PermanentError("snapshot_outgrew_parts", message, hint=hint)
        self._sent += 1
        future = self._pool.submit(self._upload.part, self._sent, part)
        future.add_done_callback(lambda _: self._free.release())
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
