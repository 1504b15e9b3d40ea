"""An object store in memory: the double that tests and dry runs use. It keeps the whole contract, errors included."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from holdfast.errors import PermanentError, RefusedError, TransientError
from holdfast.models.cluster import LockMode
from holdfast.storage.base import Completed, LockState, ObjectInfo
from holdfast.storage.checksums import base64_text, composite_sha256, sha256_digest
from holdfast.storage.lock_rules import keeps, lacks, locked, unsupported, whole_second


@dataclass(frozen=True)
class StoredObject:
    body: bytes
    checksum: str
    modified: datetime
    content_type: str


class MemoryBucket:
    """`objects`, `unfinished` and `locks` are for tests to look at. It keeps one version: a put leaves no lock."""

    def __init__(
        self,
        name: str = "memory",
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        object_lock: bool = True,
    ) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.locks: dict[str, LockState] = {}
        self.object_lock = object_lock
        self.unfinished: list[MemoryUpload] = []
        self.name = name
        self._clock = clock
        self._lock = threading.Lock()

    def _stored(self, key: str) -> StoredObject:
        if key not in self.objects:
            raise PermanentError("object_not_found", f"memory://{self.name}/{key} does not exist")
        return self.objects[key]

    def head(self, key: str) -> ObjectInfo:
        stored = self._stored(key)
        return ObjectInfo(key=key, size=len(stored.body), modified=stored.modified, checksum=stored.checksum)

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        body = self._stored(key).body[start:end]
        if end is not None and len(body) != end - start:
            raise TransientError("storage_unavailable", f"memory://{self.name}/{key}: a short answer")
        return body

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for key, stored in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield ObjectInfo(key=key, size=len(stored.body), modified=stored.modified)

    def folders(self, prefix: str) -> Iterator[str]:
        rests = ((key, key[len(prefix) :].find("/")) for key in self.objects if key.startswith(prefix))
        yield from sorted({key[: len(prefix) + end + 1] for key, end in rests if end >= 0})

    def put_if_absent(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        with self._lock:
            there = self.objects.get(key)
            if there is None:
                self._store(key, body, f"sha256:{base64_text(sha256_digest(body))}", content_type)
            elif there.body != body:
                raise RefusedError("object_exists", f"memory://{self.name}/{key} exists already with other content")
        return None

    def put(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        with self._lock:
            self._store(key, body, f"sha256:{base64_text(sha256_digest(body))}", content_type)
        return None

    def _store(self, key: str, body: bytes, checksum: str, content_type: str) -> None:
        self.objects[key] = StoredObject(bytes(body), checksum, self._clock(), content_type)
        self.locks.pop(key, None)

    def start_upload(self, key: str, *, content_type: str = "application/zstd") -> "MemoryUpload":
        upload = MemoryUpload(self, key, content_type)
        with self._lock:
            self.unfinished.append(upload)
        return upload

    def finish_upload(self, upload: "MemoryUpload", body: bytes | None, checksum: str) -> None:
        """End of an upload: with a body it becomes the object, without one nothing is left of it."""
        with self._lock:
            if upload in self.unfinished:
                self.unfinished.remove(upload)
            if body is not None:
                self._store(upload.key, body, checksum, upload.content_type)

    def abort_uploads(self, prefix: str) -> int:
        found = [upload for upload in self.unfinished if upload.key.startswith(prefix)]
        for upload in found:
            upload.abort()
        return len(found)

    def remove(self, keys: Iterable[str]) -> int:
        with self._lock:
            return sum(self._remove_one(key) for key in keys)

    def _remove_one(self, key: str) -> bool:
        there = self.locks.get(key, LockState())
        if keeps(there, self._clock()):
            raise locked(self._where(key), "protected by object lock")
        self.locks.pop(key, None)
        return self.objects.pop(key, None) is not None

    def lock(self, key: str, mode: LockMode, until: datetime) -> None:
        there, until = self._lockable(key), whole_second(until)
        if lacks(there, mode, until, self._where(key)):
            self.locks[key] = replace(there, mode=mode, until=until)

    def hold(self, key: str) -> None:
        self.locks[key] = replace(self._lockable(key), held=True)

    def release(self, key: str) -> None:
        self.locks[key] = replace(self._lockable(key), held=False)

    def lock_state(self, key: str) -> LockState:
        self._stored(key)
        return self.locks.get(key, LockState())

    def _lockable(self, key: str) -> LockState:
        there = self.lock_state(key)
        if not self.object_lock:
            raise unsupported(self._where(key))
        return there

    def _where(self, key: str) -> str:
        return f"memory://{self.name}/{key}"


class MemoryUpload:
    def __init__(self, bucket: MemoryBucket, key: str, content_type: str) -> None:
        self.key = key
        self.content_type = content_type
        self.parts: dict[int, bytes] = {}
        self._bucket = bucket
        self._open = True

    def part(self, number: int, data: bytes | bytearray) -> None:
        self._must_be_open()
        self.parts[number] = bytes(data)

    def complete(self) -> Completed:
        self._must_be_open()
        bodies = [self.parts[number] for number in sorted(self.parts)]
        checksum = composite_sha256([sha256_digest(body) for body in bodies])
        self.end(b"".join(bodies), checksum)
        return Completed(checksum=checksum, version_id=None)

    def abort(self) -> None:
        self.end(None, "")

    def _must_be_open(self) -> None:
        if not self._open:
            raise TransientError("upload_gone", f"the unfinished upload of {self.key} is gone")

    def end(self, body: bytes | None, checksum: str) -> None:
        """With a body it becomes the object; without one nothing is left."""
        self._open = False
        self.parts = {}
        self._bucket.finish_upload(self, body, checksum)
