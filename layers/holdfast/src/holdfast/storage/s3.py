"""The object store over S3, and over stores that speak its protocol (Ceph RADOS Gateway, MinIO)."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from os.path import commonprefix
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from holdfast.errors import PermanentError, RefusedError
from holdfast.storage.base import ObjectInfo, Upload
from holdfast.storage.checksums import sums_of_put
from holdfast.storage.failures import bucket_not_found, error_code, status_of, storage_errors, unavailable
from holdfast.storage.lock_rules import locked
from holdfast.storage.s3_client import Checksums
from holdfast.storage.s3_encryption import encryption_parameters, refuse_ignored
from holdfast.storage.s3_upload import S3Upload, version_of

# The body of an answer is read outside of botocore's retries.
_BODY_ATTEMPTS = 3
_CONFLICT_ATTEMPTS = 5

# Versions and delete markers by key. Named here: inside of the class `list` is a method.
_Versions = dict[str, tuple[list[str], list[str]]]


class S3Bucket:
    """Reader, writer and remover of one bucket; which of them a role may be is IAM's decision.

    Some stores ignore `If-None-Match` (Ceph RADOS Gateway 16 does), others refuse it. Without `conditional_puts`
    `put_if_absent` looks before it puts, and two writers of one key at one moment could both succeed; every run has
    keys of its own. `encryption` are the headers that every put names (`EncryptionSpec.headers`).
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        *,
        checksums: Checksums = "sha256",
        conditional_puts: bool = True,
        encryption: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._checksums = checksums
        self._conditional_puts = conditional_puts
        self._encryption = encryption_parameters(encryption or {})

    def _where(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def head(self, key: str) -> ObjectInfo:
        wanted = {"ChecksumMode": "ENABLED"} if self._checksums == "sha256" else {}
        with storage_errors(self._where(key)):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key, **wanted)
            except ClientError as error:
                if status_of(error) == 404 and not self._bucket_is_there():
                    raise bucket_not_found(self._where(key)) from error
                raise
        return ObjectInfo(
            key=key,
            size=answer["ContentLength"],
            modified=answer["LastModified"],
            checksum=_checksum(answer),
            version_id=version_of(answer),
            replication=str(answer.get("ReplicationStatus", "")),
        )

    def _bucket_is_there(self) -> bool:
        """A HEAD answers 404 for a missing bucket too; where asking is not allowed, the key is taken to be missing."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            return status_of(error) != 404
        return True

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        wanted = {} if start == 0 and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with storage_errors(self._where(key)):
            for attempt in range(1, _BODY_ATTEMPTS + 1):
                answer = self._client.get_object(Bucket=self._bucket, Key=key, **wanted)
                try:
                    body = bytes(answer["Body"].read())
                except BotoCoreError:
                    if attempt == _BODY_ATTEMPTS:
                        raise
                    continue
                if end is not None and len(body) != end - start:
                    raise unavailable(self._where(key), f"asked for bytes {start} to {end}, got {len(body)} of them")
                return body
        raise AssertionError("every attempt returns or raises")

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with storage_errors(self._where(prefix)):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    yield ObjectInfo(key=entry["Key"], size=entry["Size"], modified=entry["LastModified"])

    def folders(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        with storage_errors(self._where(prefix)):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/"):
                for entry in page.get("CommonPrefixes", ()):
                    yield entry["Prefix"]

    def put_if_absent(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        if not self._conditional_puts:
            return (
                self._same_or_refused(key, body)
                if self._is_there(key)
                else self.put(key, body, content_type=content_type)
            )
        with storage_errors(self._where(key)):
            for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
                try:
                    return self._put(key, body, content_type, {"IfNoneMatch": "*"})
                except ClientError as error:
                    if status_of(error) == 412:
                        return self._same_or_refused(key, body)
                    # Another writer is at it at this moment; its end decides which of the two answers is ours.
                    if error_code(error) != "ConditionalRequestConflict" or attempt == _CONFLICT_ATTEMPTS:
                        raise
                    time.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311 - spreads writers, guards nothing
        raise AssertionError("every attempt returns or raises")

    def _is_there(self, key: str) -> bool:
        try:
            self.head(key)
        except PermanentError as error:
            if error.code != "object_not_found":
                raise
            return False
        return True

    def _same_or_refused(self, key: str, body: bytes) -> str | None:
        if self.read(key) != body:
            hint = "nothing was overwritten; look at what is there"
            raise RefusedError("object_exists", f"{self._where(key)} exists already with other content", hint=hint)
        return self.head(key).version_id

    def put(self, key: str, body: bytes, *, content_type: str = "application/json") -> str | None:
        with storage_errors(self._where(key)):
            return self._put(key, body, content_type, {})

    def _put(self, key: str, body: bytes, content_type: str, conditions: dict[str, str]) -> str | None:
        answer = self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            **sums_of_put(body, sha256=self._checksums == "sha256"),
            **self._encryption,
            **conditions,
        )
        refuse_ignored(self._encryption, answer, self._where(key))
        return version_of(answer)

    def start_upload(self, key: str) -> Upload:
        wanted = {"ChecksumAlgorithm": "SHA256"} if self._checksums == "sha256" else {}
        with storage_errors(self._where(key)):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, ContentType="application/zstd", **self._encryption, **wanted
            )
        upload = S3Upload(self._client, self._bucket, key, answer["UploadId"], self._checksums)
        try:
            refuse_ignored(self._encryption, answer, self._where(key))
        except PermanentError:
            upload.abort()
            raise
        if wanted and answer.get("ChecksumAlgorithm") != "SHA256":
            upload.abort()
            hint = "this store has no SHA-256 checksums: set checksums: none in the storage (docs/reference/storage.md)"
            raise PermanentError("storage_checksum_unsupported", f"{self._where(key)}: no checksums", hint=hint)
        return upload

    def abort_uploads(self, prefix: str) -> int:
        aborted = 0
        with storage_errors(self._where(prefix)):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix)
            for upload in [upload for page in pages for upload in page.get("Uploads", ())]:
                S3Upload(self._client, self._bucket, upload["Key"], upload["UploadId"], self._checksums).abort()
                aborted += 1
        return aborted

    def remove(self, keys: Iterable[str]) -> int:
        """In a versioned bucket every version goes: a delete marker alone would hide the object and free nothing.
        RefusedError `object_locked` at the first one that Object Lock keeps."""
        removed = 0
        for _, group in groupby(keys, key=_folder_of):
            named = list(group)
            found = self._versions_of(named)
            for key in named:
                versions, markers = found.pop(key, ([], []))
                removed += bool(versions)
                with storage_errors(self._where(key)):
                    for version_id in [*versions, *markers]:
                        self._remove_version(key, version_id)
        return removed

    def _versions_of(self, keys: Sequence[str]) -> _Versions:
        """The versions and the delete markers of exactly these keys, which share a folder: one LIST for what is removed
        together, such as the files of a backup."""
        found: _Versions = {key: ([], []) for key in keys}
        # Not a path: what all begin with, so that as little else as possible is listed.
        prefix = commonprefix(keys)  # noqa: RUF071
        with storage_errors(self._where(prefix)):
            for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix):
                for place, kind in enumerate(("Versions", "DeleteMarkers")):
                    for entry in page.get(kind, ()):
                        if entry["Key"] in found:
                            found[entry["Key"]][place].append(entry["VersionId"])
        return found

    def _remove_version(self, key: str, version_id: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=version_id)
        except ClientError as error:
            # "… protected by object lock" (S3), "forbidden by object lock" (Ceph); the code alone tells nothing.
            said = str(error.response.get("Error", {}).get("Message") or "")
            if error_code(error) == "AccessDenied" and "object lock" in said.lower():
                raise locked(self._where(key), said) from error
            raise


def _folder_of(key: str) -> str:
    """Of a key without one it is the key: a prefix that is empty would list the bucket."""
    folder, slash, _ = key.rpartition("/")
    return folder + slash or key


def _checksum(answer: dict[str, Any]) -> str:
    """What the store says of the object, "sha256:<base64>[-<parts>]" or "etag:<etag>" where it has nothing newer."""
    etag = str(answer["ETag"]).strip('"')
    value = answer.get("ChecksumSHA256")
    if not value:
        return f"etag:{etag}"
    _, dash, parts = etag.partition("-")
    # Some answers leave out how many parts a composite checksum has; the ETag tells it.
    return f"sha256:{value}" if "-" in value or not dash else f"sha256:{value}-{parts}"
