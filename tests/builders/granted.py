"""Whoever holds a presigned URL: plays what a node does with it, over HTTP or against the double."""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from builders.s3_server import client_of, new_bucket
from builders.services import Clock
from holdfast.storage.base import ObjectReader, UploadGrants
from holdfast.storage.checksums import base64_text, md5_digest
from holdfast.storage.faulty import FaultyBucket, FaultyGrants
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.memory_grants import MemoryGrants
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_grants import S3Grants

Send = Callable[..., tuple[int, bytes]]


@dataclass(frozen=True)
class Granted:
    """One bucket seen from both sides: who gives URLs and reads, and who only has a URL.

    `send(url, body, content_md5=...)` puts, `send(url, None)` gets; both return (status, body).
    """

    grants: UploadGrants
    reader: ObjectReader
    send: Send
    unfinished: Callable[[], int]


def over_http(url: SecretStr, body: bytes | None, *, content_md5: str = "") -> tuple[int, bytes]:
    """What curl sends with -T, Content-MD5 and an empty Content-Type: no header that botocore would add."""
    parts = urlsplit(url.get_secret_value())
    assert parts.hostname
    connection = HTTPConnection(parts.hostname, parts.port, timeout=20)
    headers = {"Content-MD5": content_md5} if content_md5 else {}
    try:
        connection.request("GET" if body is None else "PUT", f"{parts.path}?{parts.query}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def md5_of(data: bytes) -> str:
    return base64_text(md5_digest(data))


def in_memory(*, clock: Clock | None = None, faulty: bool = False) -> Granted:
    clock = clock or Clock()
    bucket = MemoryBucket(clock=clock)
    memory = MemoryGrants(bucket, clock=clock)
    grants: UploadGrants = FaultyGrants(FaultyBucket(bucket, []), memory) if faulty else memory

    def send(url: SecretStr, body: bytes | None, *, content_md5: str = "") -> tuple[int, bytes]:
        method: Literal["GET", "PUT"] = "GET" if body is None else "PUT"
        answer = memory.receive(url, body, method=method, content_md5=content_md5)
        return answer.status, answer.body

    return Granted(grants, bucket, send, lambda: len(bucket.unfinished))


def over_s3(url: str, *, versioned: bool = False, checksums: Literal["sha256", "none"] = "sha256") -> Granted:
    client = client_of(url, checksums=checksums)
    bucket = new_bucket(client, versioned=versioned)

    def unfinished() -> int:
        return len(client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()))

    grants = S3Grants(client, bucket, checksums=checksums)
    return Granted(grants, S3Bucket(client, bucket, checksums=checksums), over_http, unfinished)
