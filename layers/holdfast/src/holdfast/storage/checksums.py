"""S3's checksums, computed here so that the store's answer can be compared with something.

A multipart object has no hash of its bytes: S3 reports the hash of its parts' hashes, followed by "-<parts>"
("composite", https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
"""

import base64
import hashlib
from collections.abc import Sequence


def base64_text(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def sha256_digest(data: bytes | bytearray) -> bytes:
    return hashlib.sha256(data).digest()


def md5_digest(data: bytes | bytearray) -> bytes:
    """What an ETag is made of, on stores that have nothing newer; it guards against accidents, not against people."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def sums_of_put(body: bytes, *, sha256: bool) -> dict[str, str]:
    """The arguments of a put that have the store check what arrives; MD5 where it knows nothing newer."""
    if sha256:
        return {"ChecksumSHA256": base64_text(sha256_digest(body))}
    return {"ContentMD5": base64_text(md5_digest(body))}


def composite_sha256(part_digests: Sequence[bytes]) -> str:
    """The checksum of a multipart object as Holdfast writes it, "sha256:<base64>-<parts>"."""
    return f"sha256:{base64_text(sha256_digest(b''.join(part_digests)))}-{len(part_digests)}"


def composite_etag(part_digests: Sequence[bytes]) -> str:
    """The ETag of a multipart object that is not encrypted with a KMS key, "etag:<hex>-<parts>"."""
    return f"etag:{md5_digest(b''.join(part_digests)).hex()}-{len(part_digests)}"
