"""Whoever holds a presigned URL: plays what a node does with it, over HTTP or against the double."""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from builders.s3_server import client_of, new_bucket
from builders.services import Clock
from holdfast.storage.base import ObjectReader, SentPart, UploadGrants
from holdfast.storage.checksums import base64_text, md5_digest
from holdfast.storage.faulty import FaultyBucket, FaultyGrants
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.memory_grants import MemoryGrants
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_client import Checksums
from holdfast.storage.s3_grants import S3Grants

MIB = 1024 * 1024
KEY = "prod-1/some backup/snapshot.db.zst"
BODIES = (os.urandom(5 * MIB), b"the rest")

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


def sent(store: Granted) -> tuple[str, tuple[SentPart, ...]]:
    """An upload whose parts are there, sent by URL."""
    upload_id = store.grants.begin_upload(KEY, content_type="application/zstd")
    for url, body in zip(store.grants.part_urls(KEY, upload_id, len(BODIES), expires_s=60), BODIES, strict=True):
        status, _ = store.send(url, body, content_md5=md5_of(body))
        assert status == 200
    return upload_id, store.grants.sent_parts(KEY, upload_id)


def over_http(
    url: SecretStr,
    body: bytes | None,
    *,
    content_md5: str = "",
    ca: str = "",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """What curl sends with -T, Content-MD5 and an empty Content-Type: no header that botocore would add. `ca` is the
    authority (PEM) of an https URL."""
    parts = urlsplit(url.get_secret_value())
    assert parts.hostname
    if parts.scheme == "https":
        trusted = ssl.create_default_context(cadata=ca)
        connection: HTTPConnection = HTTPSConnection(parts.hostname, parts.port, timeout=20, context=trusted)
    else:
        connection = HTTPConnection(parts.hostname, parts.port, timeout=20)
    sent = {**(headers or {}), **({"Content-MD5": content_md5} if content_md5 else {})}
    try:
        connection.request("GET" if body is None else "PUT", f"{parts.path}?{parts.query}", body, sent)
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


def over_s3(url: str, *, versioned: bool = False, checksums: Checksums = "sha256") -> Granted:
    client = client_of(url, checksums=checksums)
    return over_client(client, new_bucket(client, versioned=versioned), checksums=checksums)


def over_client(client: Any, bucket: str, *, checksums: Checksums, send: Send = over_http) -> Granted:
    def unfinished() -> int:
        return len(client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()))

    grants = S3Grants(client, bucket, checksums=checksums)
    return Granted(grants, S3Bucket(client, bucket, checksums=checksums), send, unfinished)
