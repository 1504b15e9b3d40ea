"""The encryption that a put names, in the words of HTTP and of botocore."""

from collections.abc import Mapping
from typing import Any

from holdfast.errors import PermanentError

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. An UploadPart of such an upload names nothing.
_PARAMETERS = {
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
}


def encryption_parameters(headers: Mapping[str, str]) -> dict[str, str]:
    """For put_object and create_multipart_upload."""
    return {_PARAMETERS[name]: value for name, value in headers.items()}


def refuse_ignored(parameters: Mapping[str, str], answer: Mapping[str, Any], where: str) -> None:
    """S3 names in its answer what it encrypted with. Ceph RADOS Gateway 16 takes a put that asks for SSE-S3, says
    nothing and encrypts nothing."""
    wanted, got = parameters.get("ServerSideEncryption"), answer.get("ServerSideEncryption")
    if wanted and got != wanted:
        raise PermanentError(
            "storage_encryption_ignored",
            f"{where}: the store was asked to encrypt with {wanted}, and answered with {got or 'no encryption'}",
            hint="set another encryption in the storage (docs/reference/storage.md), or have the store encrypt all",
        )
