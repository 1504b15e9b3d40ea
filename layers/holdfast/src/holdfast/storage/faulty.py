"""A bucket that fails on demand: which operation, from which of its calls on, for how many calls, with which error."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

from holdfast.errors import PermanentError, TransientError
from holdfast.models.cluster import LockMode
from holdfast.storage.base import (
    Bucket,
    Completed,
    LockState,
    ObjectInfo,
    ObjectLocks,
    SentPart,
    Upload,
    UploadGrants,
    UrlUse,
)

Operation = Literal[
    "head",
    "read",
    "list",
    "put_if_absent",
    "put",
    "start_upload",
    "part",
    "complete",
    "abort",
    "abort_uploads",
    "remove",
    "begin_upload",
    "part_urls",
    "sent_parts",
    "complete_upload",
    "abort_upload",
    "put_url",
    "read_url",
    "lock",
    "hold",
    "release",
    "lock_state",
    "url_use",
]


def access_denied() -> PermanentError:
    return PermanentError("storage_access_denied", "access denied, on demand")


def bucket_missing() -> PermanentError:
    return PermanentError("bucket_not_found", "the bucket does not exist, on demand")


def clock_skew() -> PermanentError:
    return PermanentError("storage_clock_skew", "the store refuses this machine's time, on demand")


def slow_down() -> TransientError:
    return TransientError("storage_unavailable", "the store answered 503 SlowDown, on demand")


def reset() -> TransientError:
    return TransientError("storage_unavailable", "the connection was reset, on demand")


@dataclass(frozen=True)
class Fault:
    """`call` counts from 1 and per operation; `error` makes a new exception for each failing call."""

    operation: Operation
    error: Callable[[], BaseException]
    call: int = 1
    times: int = 1


class FaultyBucket:
    """Passes every call on to `inner`, unless a fault is due: then the call fails before it does anything."""

    def __init__(self, inner: Bucket, faults: Sequence[Fault]) -> None:
        self._inner = inner
        self._faults = tuple(faults)
        self._calls: dict[str, int] = {}
        self._lock = threading.Lock()

    def due(self, operation: Operation) -> None:
        """Count one call of `operation`; raises when a fault asks for it."""
        with self._lock:
            call = self._calls[operation] = self._calls.get(operation, 0) + 1
        for fault in self._faults:
            if fault.operation == operation and fault.call <= call < fault.call + fault.times:
                raise fault.error()

    def head(self, key: str) -> ObjectInfo:
        self.due("head")
        return self._inner.head(key)

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        self.due("read")
        return self._inner.read(key, start=start, end=end)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.due("list")
        return self._inner.list(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        self.due("list")
        return self._inner.folders(prefix)

    def put_if_absent(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        self.due("put_if_absent")
        return self._inner.put_if_absent(key, body, content_type=content_type)

    def put(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        self.due("put")
        return self._inner.put(key, body, content_type=content_type)

    def start_upload(self, key: str) -> Upload:
        self.due("start_upload")
        return FaultyUpload(self, self._inner.start_upload(key))

    def abort_uploads(self, prefix: str) -> int:
        self.due("abort_uploads")
        return self._inner.abort_uploads(prefix)

    def remove(self, keys: Iterable[str]) -> int:
        self.due("remove")
        return self._inner.remove(keys)


class FaultyUpload:
    def __init__(self, bucket: FaultyBucket, inner: Upload) -> None:
        self._bucket = bucket
        self._inner = inner

    def part(self, number: int, data: bytes | bytearray) -> None:
        self._bucket.due("part")
        self._inner.part(number, data)

    def complete(self) -> Completed:
        self._bucket.due("complete")
        return self._inner.complete()

    def abort(self) -> None:
        self._bucket.due("abort")
        self._inner.abort()


class FaultyGrants:
    """Passes every call on to `inner`, unless one of the bucket's faults is due."""

    def __init__(self, bucket: FaultyBucket, inner: UploadGrants) -> None:
        self._bucket = bucket
        self._inner = inner

    def begin_upload(self, key: str, *, content_type: str) -> str:
        self._bucket.due("begin_upload")
        return self._inner.begin_upload(key, content_type=content_type)

    def part_urls(self, key: str, upload_id: str, count: int, *, expires_s: int) -> list[SecretStr]:
        self._bucket.due("part_urls")
        return self._inner.part_urls(key, upload_id, count, expires_s=expires_s)

    def sent_parts(self, key: str, upload_id: str) -> tuple[SentPart, ...]:
        self._bucket.due("sent_parts")
        return self._inner.sent_parts(key, upload_id)

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[SentPart]) -> Completed:
        self._bucket.due("complete_upload")
        return self._inner.complete_upload(key, upload_id, parts)

    def abort_upload(self, key: str, upload_id: str) -> None:
        self._bucket.due("abort_upload")
        self._inner.abort_upload(key, upload_id)

    def put_url(self, key: str, *, expires_s: int) -> SecretStr:
        self._bucket.due("put_url")
        return self._inner.put_url(key, expires_s=expires_s)

    def read_url(self, key: str, *, expires_s: int) -> SecretStr:
        self._bucket.due("read_url")
        return self._inner.read_url(key, expires_s=expires_s)

    def url_use(self, key: str, /) -> UrlUse:
        self._bucket.due("url_use")
        return self._inner.url_use(key)


class FaultyLocks:
    """Passes every call on to `inner`, unless one of the bucket's faults is due."""

    def __init__(self, bucket: FaultyBucket, inner: ObjectLocks) -> None:
        self._bucket = bucket
        self._inner = inner

    def lock(self, key: str, mode: LockMode, until: datetime) -> None:
        self._bucket.due("lock")
        self._inner.lock(key, mode, until)

    def hold(self, key: str) -> None:
        self._bucket.due("hold")
        self._inner.hold(key)

    def release(self, key: str) -> None:
        self._bucket.due("release")
        self._inner.release(key)

    def lock_state(self, key: str) -> LockState:
        self._bucket.due("lock_state")
        return self._inner.lock_state(key)
