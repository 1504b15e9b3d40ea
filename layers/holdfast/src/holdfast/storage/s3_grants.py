"""Presigned uploads and downloads over S3, for nodes that hold no credential of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError
from pydantic import SecretStr

from holdfast.errors import DamagedError, PermanentError
from holdfast.storage.base import Completed, SentPart, UrlUse
from holdfast.storage.failures import error_code, storage_errors
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_client import Checksums
from holdfast.storage.s3_encryption import encryption_parameters, refuse_ignored
from holdfast.storage.s3_upload import version_of


class S3Grants:
    """`client` must come from storage/s3_client.py: it signs URLs with SigV4, for the bucket's own region.

    Of a part's URL only the header Host is signed, so whoever has it may add `Content-MD5`, which S3 checks, and no
    `x-amz-` header, which it would refuse. That is why uploads are begun without a checksum algorithm: with one, every
    part would need its header. AWS then keeps a CRC64NVME of the whole object by itself; nobody here asks for it.

    Without `encryption` the bucket's default applies, with the rights of the role that signed. With it an upload is
    begun so, and the URL of a single PUT has the headers signed: whoever uses it must send them (`url_use`).
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        *,
        checksums: Checksums = "sha256",
        encryption: Mapping[str, str] | None = None,
        use: UrlUse | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._reader = S3Bucket(client, bucket, checksums=checksums)
        headers = encryption or {}
        self._encryption = encryption_parameters(headers)
        self._use = replace(use or UrlUse(), put_headers=tuple(f"{name}: {value}" for name, value in headers.items()))

    def begin_upload(self, key: str, *, content_type: str) -> str:
        with storage_errors(self._where(key)):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, ContentType=content_type, **self._encryption
            )
        upload_id = str(answer["UploadId"])
        try:
            refuse_ignored(self._encryption, answer, self._where(key))
        except PermanentError:
            self.abort_upload(key, upload_id)
            raise
        return upload_id

    def part_urls(self, key: str, upload_id: str, count: int, *, expires_s: int) -> list[SecretStr]:
        return [
            self._url("upload_part", key, expires_s, UploadId=upload_id, PartNumber=number)
            for number in range(1, count + 1)
        ]

    def sent_parts(self, key: str, upload_id: str) -> tuple[SentPart, ...]:
        with storage_errors(self._where(key)):
            pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
            try:
                parts = [part for page in pages for part in page.get("Parts", ())]
            except ClientError as error:
                if error_code(error) == "NoSuchUpload":
                    raise upload_gone(self._where(key)) from error
                raise
        return tuple(SentPart(part["PartNumber"], part["Size"], part["ETag"].strip('"')) for part in parts)

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[SentPart]) -> Completed:
        """The checksum is what a head tells, since a later head is compared with it: Ceph RADOS Gateway 16 completes
        with an empty ETag, and an ETag is no MD5 where a KMS key encrypts."""
        wanted = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        size = sum(part.size for part in parts)
        with storage_errors(self._where(key)):
            try:
                answer = self._client.complete_multipart_upload(
                    Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": wanted}
                )
            except ClientError as error:
                if error_code(error) != "NoSuchUpload":
                    raise
                return self._completed_before(key, size)
        stored = self._reader.head(key)
        if stored.size != size:
            raise DamagedError(
                "object_size_mismatch", f"{self._where(key)} has {stored.size} bytes; its parts had {size}"
            )
        return Completed(checksum=stored.checksum, version_id=version_of(answer) or stored.version_id)

    def _completed_before(self, key: str, size: int) -> Completed:
        """The upload is gone: its completion may have been done, and only the answer was lost."""
        try:
            stored = self._reader.head(key)
        except PermanentError as error:
            if error.code != "object_not_found":
                raise
            raise upload_gone(self._where(key)) from error
        if stored.size != size:
            raise upload_gone(self._where(key))
        return Completed(checksum=stored.checksum, version_id=stored.version_id)

    def abort_upload(self, key: str, upload_id: str) -> None:
        with storage_errors(self._where(key)):
            try:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
            except ClientError as error:
                if error_code(error) != "NoSuchUpload":
                    raise

    def put_url(self, key: str, *, expires_s: int) -> SecretStr:
        return self._url("put_object", key, expires_s, **self._encryption)

    def read_url(self, key: str, *, expires_s: int) -> SecretStr:
        return self._url("get_object", key, expires_s)

    def url_use(self, _key: str, /) -> UrlUse:
        return self._use

    def _url(self, operation: str, key: str, expires_s: int, **parameters: Any) -> SecretStr:
        with storage_errors(self._where(key)):
            url = self._client.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, "Key": key, **parameters}, ExpiresIn=expires_s
            )
        return SecretStr(url)

    def _where(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"


def upload_gone(where: str) -> PermanentError:
    hint = "Another run or a lifecycle rule aborted it. Run the backup again."
    return PermanentError("upload_gone", f"{where}: the unfinished upload is gone", hint=hint)
