"""What a service does with a KMS key in its caller's name: S3 for objects, SNS for messages, Secrets Manager. Pure.

Sources: "Protecting data with server-side encryption using AWS KMS keys" and the pages of HeadObject and
CreateMultipartUpload in the S3 documentation; "Encryption at rest" of Amazon SNS; "Secret encryption and decryption"
of Secrets Manager.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.local.plugin.iam_actions import Call, Check


@dataclass(frozen=True)
class KeyUse:
    """`key` is an ARN; `context` is the encryption context that the service gives."""

    key: str
    context: Mapping[str, str]


# Per operation on an object that has, or gets, a key. A multipart upload is put together by reading its parts.
S3_KEY_ACTIONS = {
    "CompleteMultipartUpload": ("Decrypt",),
    "CopyObject": ("GenerateDataKey",),
    "CreateMultipartUpload": ("GenerateDataKey",),
    "GetObject": ("Decrypt",),
    "GetObjectAttributes": ("Decrypt",),
    "PutObject": ("GenerateDataKey",),
    "UploadPart": ("Decrypt",),
    "UploadPartCopy": ("Decrypt",),
}


def key_checks(call: Call, use: KeyUse | None) -> list[Check]:
    """`use` is the key of the object, topic or secret that the call is about; None for one without a key of ours."""
    if use is None:
        return []
    context = {
        "kms:ViaService": f"{call.service}.{call.region}.amazonaws.com",
        "kms:CallerAccount": call.account,
        **{f"kms:EncryptionContext:{name}": value for name, value in use.context.items()},
    }
    return [Check(f"kms:{action}", use.key, context) for action in _actions(call)]


def _actions(call: Call) -> tuple[str, ...]:
    match call.service, call.operation:
        case "s3", "HeadObject":
            # The checksum of an encrypted object is kept encrypted.
            return ("Decrypt",) if call.parameters.get("ChecksumMode") == "ENABLED" else ()
        case "s3", operation:
            return S3_KEY_ACTIONS.get(operation, ())
        case "sns", "Publish" | "PublishBatch":
            return ("GenerateDataKey", "Decrypt")
        case "secretsmanager", "GetSecretValue":
            return ("Decrypt",)
        case _:
            return ()


def key_of_put(bucket: str, default: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> KeyUse | None:
    """The key under which an S3 object will lie: the one that the put names, else the bucket's default rule's."""
    rule = default or {}
    by_default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    algorithm = asked.get("ServerSideEncryption") or by_default.get("SSEAlgorithm") or ""
    key = asked.get("SSEKMSKeyId") or by_default.get("KMSMasterKeyID")
    if not key or not algorithm.startswith("aws:kms"):
        return None
    return key_of_stored(bucket, str(asked.get("Key", "")), key, with_bucket_key=bool(rule.get("BucketKeyEnabled")))


def key_of_stored(bucket: str, key: str, kms_key: str, *, with_bucket_key: bool) -> KeyUse:
    """With a bucket key the context is the bucket's ARN, otherwise the object's ("Reducing the cost of SSE-KMS with
    Amazon S3 Bucket Keys")."""
    return KeyUse(kms_key, {"aws:s3:arn": f"arn:aws:s3:::{bucket if with_bucket_key else f'{bucket}/{key}'}"})
