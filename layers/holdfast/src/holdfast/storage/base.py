"""The contract of an object store, cut by role as the functions' permissions are: read, write, remove.

Obligations of every implementation, held by tests/contract/test_storage_contract.py:

- Errors are of our tree: `object_not_found` and `bucket_not_found` (permanent), `storage_access_denied` (permanent),
  `storage_unavailable` (transient: 5xx, throttling, a reset connection, after the client's own retries),
  `storage_clock_skew` (permanent), `object_exists` (refused: a conditional put found one).
- An upload is not visible before `complete`; after `abort` nothing of it is left, not even parts.
- Parts may be sent from several threads; `complete` and `abort` are called when none is under way. `complete` states
  the checksum that the store confirmed for the object; one that differs from what was sent is
  `object_checksum_mismatch` (damaged).
- A part that arrives with other bytes than were sent is `storage_bytes_changed` (transient).
- Keys are plain strings without a leading slash.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from holdfast.models.cluster import LockMode


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing or a head. `checksum` as in `SnapshotObject`, empty in listings. `replication` is what a
    head tells of its copy in another bucket: PENDING, COMPLETED, FAILED, REPLICA of a copy itself, or nothing."""

    key: str
    size: int
    modified: datetime
    checksum: str = ""
    version_id: str | None = None
    replication: str = ""


@dataclass(frozen=True)
class Completed:
    """What the store confirmed for a finished upload."""

    checksum: str
    version_id: str | None


class Upload(Protocol):
    """One multipart upload. Part numbers start at 1; all parts but the last are equally long, at least 5 MiB."""

    def part(self, number: int, data: bytes | bytearray) -> None:
        """Returns when the part has arrived; `data` may be filled with other bytes after that."""

    def complete(self) -> Completed: ...

    def abort(self) -> None: ...


class ObjectReader(Protocol):
    def head(self, key: str) -> ObjectInfo: ...

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end) of the object, all of it by default; a short answer is `storage_unavailable`."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object below the prefix in key order; LIST calls only."""

    def folders(self, prefix: str) -> Iterator[str]:
        """What the keys that begin with the prefix have up to their next slash, each once and with the slash, in order.
        LIST calls only; one of them tells a thousand folders, whatever lies in each."""


class ObjectWriter(Protocol):
    def put_if_absent(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        """Put once; returns the version id. The same bytes already there are success, others `object_exists`."""

    def put(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None: ...

    def start_upload(self, key: str) -> Upload: ...

    def abort_uploads(self, prefix: str) -> int:
        """Abort every unfinished upload below the prefix; returns how many there were."""


class ObjectRemover(Protocol):
    def remove(self, keys: Iterable[str]) -> int:
        """Remove the objects with every version they have; returns how many were there. A missing key is no error.
        RefusedError `object_locked` for one that Object Lock keeps; those named before it are gone then."""

    def abort_uploads(self, prefix: str) -> int: ...


class Bucket(ObjectReader, ObjectWriter, ObjectRemover, Protocol):
    """All roles of one bucket but its locks."""


@dataclass(frozen=True)
class LockState:
    """What keeps an object from removal: a retention with its end, a legal hold, both, or nothing."""

    mode: LockMode | None = None
    until: datetime | None = None
    held: bool = False


class ObjectLocks(Protocol):
    """Object Lock. PermanentError `object_lock_unsupported` where the store or the bucket has none, `object_not_found`
    for a key that is not there.

    A retention is only ever made longer here: RefusedError `lock_would_be_shorter` for an earlier end or a weaker mode.
    A stricter mode is the store's to allow: Ceph RADOS Gateway refuses it (`storage_access_denied`).
    """

    def lock(self, key: str, mode: LockMode, until: datetime) -> None:
        """Of the newest version, as everything here; seconds count. What is so already is not set again."""

    def hold(self, key: str) -> None:
        """A legal hold, until `release`."""

    def release(self, key: str) -> None: ...

    def lock_state(self, key: str) -> LockState:
        """Of the newest version. Nothing where there is no Object Lock."""


@dataclass(frozen=True)
class SentPart:
    """One part of an upload as the store has it."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True)
class UrlUse:
    """What whoever was given a URL must know beside it. Nothing of it is secret.

    `ca` is PEM text of the authorities that the store's certificate is checked against, `proxy` the way there
    ("http://host:port"); empty means what the machine itself has. `put_headers` are "name: value" lines which a PUT to
    a `put_url` must carry, since they are signed; parts of an upload carry none.
    """

    ca: str = ""
    proxy: str = ""
    put_headers: tuple[str, ...] = ()


class UploadGrants(Protocol):
    """Uploads whose bytes somebody else sends, by presigned URLs: whoever has the URL needs no credential of ours.

    A URL is a secret until it expires. It carries the signer's session, so it ends with that at the latest.
    """

    def begin_upload(self, key: str, *, content_type: str) -> str:
        """Returns the upload's id. Parts carry no checksum header of S3's own, only Content-MD5."""

    def part_urls(self, key: str, upload_id: str, count: int, *, expires_s: int) -> list[SecretStr]:
        """One URL per part number from 1 on, for a PUT; no request is made."""

    def sent_parts(self, key: str, upload_id: str) -> tuple[SentPart, ...]:
        """In order. PermanentError `upload_gone` when there is no such upload (any more)."""

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[SentPart]) -> Completed:
        """Make the object of exactly these parts; some stores refuse when they have more. An upload that was completed
        already is success when the object there has the parts' size; else `upload_gone`."""

    def abort_upload(self, key: str, upload_id: str) -> None: ...

    def put_url(self, key: str, *, expires_s: int) -> SecretStr:
        """For one object of less than 5 GB by a single PUT."""

    def read_url(self, key: str, *, expires_s: int) -> SecretStr: ...

    def url_use(self, key: str, /) -> UrlUse:
        """How URLs for this key are used; no request is made."""
