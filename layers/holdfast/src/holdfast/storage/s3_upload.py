"""One multipart upload to S3, each part checked by the store, the whole checked against what was sent."""

import threading
from typing import Any

from botocore.exceptions import ClientError

from holdfast.errors import DamagedError
from holdfast.storage.base import Completed
from holdfast.storage.checksums import base64_text, composite_etag, composite_sha256, md5_digest, sha256_digest
from holdfast.storage.failures import bytes_changed, error_code, storage_errors
from holdfast.storage.s3_client import Checksums


class S3Upload:
    """`part` may be called from several threads, `complete` and `abort` when all parts are done."""

    def __init__(self, client: Any, bucket: str, key: str, upload_id: str, checksums: Checksums) -> None:
        self._client = client
        self._checksums = checksums
        self._target = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        self._where = f"s3://{bucket}/{key}"
        self._lock = threading.Lock()
        self._digests: dict[int, bytes] = {}
        self._etags: dict[int, str] = {}
        self._etags_are_md5 = True

    def part(self, number: int, data: bytes | bytearray) -> None:
        digest = sha256_digest(data) if self._checksums == "sha256" else md5_digest(data)
        header = "ChecksumSHA256" if self._checksums == "sha256" else "ContentMD5"
        with storage_errors(self._where):
            answer = self._client.upload_part(
                **self._target, PartNumber=number, Body=data, ContentLength=len(data), **{header: base64_text(digest)}
            )
        self._check_part(number, digest, answer)
        with self._lock:
            self._digests[number] = digest
            self._etags[number] = answer["ETag"]

    def _check_part(self, number: int, digest: bytes, answer: dict[str, Any]) -> None:
        if self._checksums == "sha256":
            if answer.get("ChecksumSHA256", base64_text(digest)) != base64_text(digest):
                raise bytes_changed(self._where, f"part {number} arrived with another checksum")
        elif "SSEKMSKeyId" in answer or answer.get("ServerSideEncryption", "AES256") != "AES256":
            # The ETag of what a KMS key encrypted is no MD5; Content-MD5 was checked by the store all the same.
            with self._lock:
                self._etags_are_md5 = False
        elif answer["ETag"].strip('"') != digest.hex():
            raise bytes_changed(self._where, f"part {number} arrived with another MD5")

    def complete(self) -> Completed:
        numbers = sorted(self._digests)
        parts: list[dict[str, Any]] = [{"PartNumber": number, "ETag": self._etags[number]} for number in numbers]
        if self._checksums == "sha256":
            for part in parts:
                part["ChecksumSHA256"] = base64_text(self._digests[part["PartNumber"]])
        with storage_errors(self._where):
            answer = self._complete_once(parts)
        return Completed(checksum=self._confirmed(answer, numbers), version_id=version_of(answer))

    def _complete_once(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """The store's answer, or the object's own head where the answer tells too little.

        A retry of a `complete` whose answer was lost finds no upload any more. Some stores name no checksum, and Ceph
        RADOS Gateway 16 gives an empty ETag.
        """
        try:
            answer: dict[str, Any] = self._client.complete_multipart_upload(
                **self._target, MultipartUpload={"Parts": parts}
            )
        except ClientError as error:
            if error_code(error) != "NoSuchUpload":
                raise
            try:
                return self._head()
            except ClientError:
                raise error from None
        told = answer.get("ChecksumSHA256" if self._checksums == "sha256" else "ETag", "").strip('"')
        return answer if told else self._head()

    def _head(self) -> dict[str, Any]:
        wanted = {"ChecksumMode": "ENABLED"} if self._checksums == "sha256" else {}
        answer: dict[str, Any] = self._client.head_object(
            Bucket=self._target["Bucket"], Key=self._target["Key"], **wanted
        )
        return answer

    def _confirmed(self, answer: dict[str, Any], numbers: list[int]) -> str:
        digests = [self._digests[number] for number in numbers]
        if self._checksums == "sha256":
            sent = composite_sha256(digests)
            # The part count at the end is in some answers of S3 and not in others.
            found = "sha256:" + str(answer.get("ChecksumSHA256", "")).partition("-")[0] + f"-{len(numbers)}"
        else:
            found = "etag:" + str(answer["ETag"]).strip('"')
            sent = composite_etag(digests) if self._etags_are_md5 else found
        if found != sent:
            message = f"{self._where}: sent {sent}, the store has {found}"
            raise DamagedError("object_checksum_mismatch", message, hint="do not use this object; take a new backup")
        return sent

    def abort(self) -> None:
        """S3 may keep a part that was under way while the upload was aborted, so this is for drained uploads only."""
        with storage_errors(self._where):
            try:
                self._client.abort_multipart_upload(**self._target)
            except ClientError as error:
                if error_code(error) != "NoSuchUpload":
                    raise


def version_of(answer: dict[str, Any]) -> str | None:
    """The object's version in an answer; a store without versions names none, or says "null"."""
    version = answer.get("VersionId")
    return None if version in (None, "null") else str(version)
