"""An S3 server in this process, and clients for it that do not wait long between retries."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from holdfast.models.storage import StorageSpec
from holdfast.storage.s3_client import Checksums, s3_config

# One for all tests: it keeps the model of S3, which takes many times as long to read as a client to make.
SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of a moto server. It stores like S3 but believes any checksum; LocalStack checks, in tests/interop."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client_of(
    url: str,
    *,
    checksums: Checksums = "sha256",
    attempts: int = 3,
    session: boto3.Session = SESSION,
    ca_file: Path | None = None,
) -> Any:
    """`ca_file` is the authority of an https `url`, None for those that the machine trusts."""
    fewer = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=5, connect_timeout=2)
    config = s3_config(StorageSpec(checksums=checksums, addressing="path")).merge(fewer)
    return session.client("s3", endpoint_url=url, config=config, verify=str(ca_file) if ca_file else None)


def new_bucket(client: Any, *, versioned: bool = False, locks: bool = False) -> str:
    """A bucket with Object Lock (`locks`) has versions too."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if locks else {}))
    if versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def put_beside(bucket: str, keys: Iterable[str]) -> None:
    """Empty objects for a server in this process, past HTTP, so that a thousand take no time."""
    (store,) = s3_backends[DEFAULT_ACCOUNT_ID].values()
    for key in keys:
        store.put_object(bucket, key, b"")


def unfinished_uploads(client: Any, bucket: str) -> list[str]:
    return [upload["Key"] for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]
