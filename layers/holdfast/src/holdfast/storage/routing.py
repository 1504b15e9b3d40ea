"""One bucket to look at, several stores behind it: the first segment of a key is a cluster's id, and that cluster's
spec says where its objects are.

Whoever uses these adapters names keys as ever, `<cluster>/…`. A key without a cluster's id is refused, so that no
listing goes across clusters; a folder is put in front of keys here and taken off again, so that nobody else knows it.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from pydantic import SecretStr

from holdfast.errors import PermanentError
from holdfast.models.cluster import LockMode
from holdfast.models.storage import StorageSpec
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

# How long a cluster's spec is believed, seconds. A function that lives for hours still sees a change.
SPEC_LIFE_S = 60.0
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")


@dataclass(frozen=True)
class Place[Adapter]:
    """Where one cluster's objects are."""

    adapter: Adapter
    folder: str = ""

    def key(self, key: str) -> str:
        return f"{self.folder}/{key}" if self.folder else key

    def bare(self, key: str) -> str:
        return key.removeprefix(f"{self.folder}/") if self.folder else key

    def info(self, info: ObjectInfo) -> ObjectInfo:
        return replace(info, key=self.bare(info.key)) if self.folder else info


class KnownSpecs:
    """The storage of each cluster, asked of `look` once a minute. An error is remembered by nobody."""

    def __init__(self, look: Callable[[str], StorageSpec], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._clock = look, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, StorageSpec]] = {}

    def __call__(self, cluster_id: str) -> StorageSpec:
        with self._lock:
            known = self._known.get(cluster_id)
        if known is not None and self._clock() - known[0] < SPEC_LIFE_S:
            return known[1]
        spec = self._look(cluster_id)
        with self._lock:
            self._known[cluster_id] = (self._clock(), spec)
        return spec


def cluster_of(key: str) -> str:
    """The cluster that a key or a prefix belongs to; PermanentError `storage_key_unrouted` when it names none."""
    cluster_id, slash, _ = key.partition("/")
    if not slash or not _ID.fullmatch(cluster_id):
        raise PermanentError("storage_key_unrouted", f"{key!r} is no key of a cluster: it begins with the cluster's id")
    return cluster_id


class _Routed[Adapter]:
    def __init__(self, place_of: Callable[[str], Place[Adapter]]) -> None:
        self._place_of = place_of

    def _at(self, key: str) -> Place[Adapter]:
        return self._place_of(cluster_of(key))


class RoutedBucket(_Routed[Bucket]):
    """Reader, writer and remover of the bucket of whichever cluster a key belongs to."""

    def head(self, key: str) -> ObjectInfo:
        at = self._at(key)
        return at.info(at.adapter.head(at.key(key)))

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        at = self._at(key)
        return at.adapter.read(at.key(key), start=start, end=end)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        at = self._at(prefix)
        return (at.info(info) for info in at.adapter.list(at.key(prefix)))

    def folders(self, prefix: str) -> Iterator[str]:
        at = self._at(prefix)
        return (at.bare(folder) for folder in at.adapter.folders(at.key(prefix)))

    def put_if_absent(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        at = self._at(key)
        return at.adapter.put_if_absent(at.key(key), body, content_type=content_type)

    def put(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        at = self._at(key)
        return at.adapter.put(at.key(key), body, content_type=content_type)

    def start_upload(self, key: str) -> Upload:
        at = self._at(key)
        return at.adapter.start_upload(at.key(key))

    def abort_uploads(self, prefix: str) -> int:
        at = self._at(prefix)
        return at.adapter.abort_uploads(at.key(prefix))

    def remove(self, keys: Iterable[str]) -> int:
        placed = groupby(((self._at(key), key) for key in keys), key=lambda pair: pair[0])
        return sum(at.adapter.remove([at.key(key) for _, key in own]) for at, own in placed)


class RoutedLocks(_Routed[ObjectLocks]):
    """Object Lock in the bucket of whichever cluster a key belongs to."""

    def lock(self, key: str, mode: LockMode, until: datetime) -> None:
        at = self._at(key)
        at.adapter.lock(at.key(key), mode, until)

    def hold(self, key: str) -> None:
        at = self._at(key)
        at.adapter.hold(at.key(key))

    def release(self, key: str) -> None:
        at = self._at(key)
        at.adapter.release(at.key(key))

    def lock_state(self, key: str) -> LockState:
        at = self._at(key)
        return at.adapter.lock_state(at.key(key))


class RoutedGrants(_Routed[UploadGrants]):
    """Presigned URLs for the bucket of whichever cluster a key belongs to."""

    def begin_upload(self, key: str, *, content_type: str) -> str:
        at = self._at(key)
        return at.adapter.begin_upload(at.key(key), content_type=content_type)

    def part_urls(self, key: str, upload_id: str, count: int, *, expires_s: int) -> list[SecretStr]:
        at = self._at(key)
        return at.adapter.part_urls(at.key(key), upload_id, count, expires_s=expires_s)

    def sent_parts(self, key: str, upload_id: str) -> tuple[SentPart, ...]:
        at = self._at(key)
        return at.adapter.sent_parts(at.key(key), upload_id)

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[SentPart]) -> Completed:
        at = self._at(key)
        return at.adapter.complete_upload(at.key(key), upload_id, parts)

    def abort_upload(self, key: str, upload_id: str) -> None:
        at = self._at(key)
        at.adapter.abort_upload(at.key(key), upload_id)

    def put_url(self, key: str, *, expires_s: int) -> SecretStr:
        at = self._at(key)
        return at.adapter.put_url(at.key(key), expires_s=expires_s)

    def read_url(self, key: str, *, expires_s: int) -> SecretStr:
        at = self._at(key)
        return at.adapter.read_url(at.key(key), expires_s=expires_s)

    def url_use(self, key: str, /) -> UrlUse:
        at = self._at(key)
        return at.adapter.url_use(at.key(key))
