"""Presigned uploads in memory: the double, and the store's side of the HTTP requests that a node would make."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from pydantic import SecretStr

from holdfast.doubles import FailsOnDemand
from holdfast.errors import PermanentError, TransientError
from holdfast.storage.base import Completed, SentPart, UrlUse
from holdfast.storage.checksums import base64_text, composite_etag, md5_digest
from holdfast.storage.memory import MemoryBucket, MemoryUpload


@dataclass(frozen=True)
class Answer:
    """What the node's HTTP client gets."""

    status: int
    body: bytes = b""


class MemoryGrants(FailsOnDemand):
    """Grants on a `MemoryBucket`; its uploads are the bucket's own, so `abort_uploads` finds them.

    URLs look like `memory://bucket/key?method=PUT&until=...&upload=...&part=...`. `receive` is for tests: it plays the
    store for whoever holds one. `refuse_next` plans its next answers, `use` is what `url_use` tells.
    """

    def __init__(self, bucket: MemoryBucket, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._bucket = bucket
        self._clock = clock
        self._uploads: dict[str, MemoryUpload] = {}
        self._refusals: deque[int] = deque()
        self.use = UrlUse()

    def begin_upload(self, key: str, *, content_type: str) -> str:
        self._reach("begin_upload")
        upload_id = f"upload-{len(self._uploads) + 1}"
        self._uploads[upload_id] = self._bucket.start_upload(key, content_type=content_type)
        return upload_id

    def part_urls(self, key: str, upload_id: str, count: int, *, expires_s: int) -> list[SecretStr]:
        self._reach("part_urls")
        return [self._url("PUT", key, expires_s, upload=upload_id, part=str(number)) for number in range(1, count + 1)]

    def sent_parts(self, key: str, upload_id: str) -> tuple[SentPart, ...]:
        self._reach("sent_parts")
        return _parts_of(self._open_upload(key, upload_id))

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[SentPart]) -> Completed:
        self._reach("complete_upload")
        try:
            upload = self._open_upload(key, upload_id)
        except PermanentError:
            stored = self._bucket.objects.get(key)
            if stored is None or len(stored.body) != sum(part.size for part in parts):
                raise
            return Completed(checksum=stored.checksum, version_id=None)
        if not set(parts) <= set(_parts_of(upload)):
            raise PermanentError("storage_failed", f"{key}: the store answered 400 InvalidPart")
        bodies = [upload.parts[part.number] for part in parts]
        checksum = composite_etag([md5_digest(body) for body in bodies])
        upload.end(b"".join(bodies), checksum)
        return Completed(checksum=checksum, version_id=None)

    def abort_upload(self, key: str, upload_id: str) -> None:
        self._reach("abort_upload")
        upload = self._uploads.get(upload_id)
        if upload is not None and upload.key == key:
            upload.abort()

    def put_url(self, key: str, *, expires_s: int) -> SecretStr:
        self._reach("put_url")
        return self._url("PUT", key, expires_s)

    def read_url(self, key: str, *, expires_s: int) -> SecretStr:
        self._reach("read_url")
        return self._url("GET", key, expires_s)

    def url_use(self, _key: str, /) -> UrlUse:
        self._reach("url_use")
        return self.use

    def refuse_next(self, *statuses: int) -> None:
        """The next requests of a node are answered with these and change nothing."""
        self._refusals.extend(statuses)

    def receive(
        self,
        url: SecretStr | str,
        body: bytes | None = None,
        *,
        method: Literal["GET", "PUT"] = "PUT",
        content_md5: str = "",
    ) -> Answer:
        """One request of a node: its PUT of `body`, or its GET."""
        if self._refusals:
            return Answer(self._refusals.popleft())
        parts = urlsplit(url if isinstance(url, str) else url.get_secret_value())
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        key = unquote(parts.path).removeprefix("/")
        if query["method"] != method or self._clock().timestamp() > float(query["until"]):
            return Answer(403)
        if method == "GET":
            stored = self._bucket.objects.get(key)
            return Answer(200, stored.body) if stored else Answer(404)
        data = body or b""
        if content_md5 and content_md5 != base64_text(md5_digest(data)):
            return Answer(400)
        return self._take(key, query, data)

    def _take(self, key: str, query: dict[str, str], data: bytes) -> Answer:
        if "upload" not in query:
            self._bucket.put(key, data, content_type="application/octet-stream")
            return Answer(200)
        try:
            self._uploads[query["upload"]].part(int(query["part"]), data)
        except TransientError:
            return Answer(404)
        return Answer(200)

    def _open_upload(self, key: str, upload_id: str) -> MemoryUpload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key or upload not in self._bucket.unfinished:
            raise PermanentError("upload_gone", f"{key}: the unfinished upload is gone")
        return upload

    def _url(self, method: str, key: str, expires_s: int, **query: str) -> SecretStr:
        until = (self._clock() + timedelta(seconds=expires_s)).timestamp()
        text = urlencode({"method": method, "until": f"{until:.6f}", **query})
        return SecretStr(f"memory://{self._bucket.name}/{quote(key)}?{text}")


def _parts_of(upload: MemoryUpload) -> tuple[SentPart, ...]:
    return tuple(SentPart(number, len(data), md5_digest(data).hex()) for number, data in sorted(upload.parts.items()))
