"""How boto3 is set up for S3 and for stores that speak its protocol."""

from typing import Any, Literal

import boto3
from botocore.config import Config

Checksums = Literal["sha256", "none"]

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
ATTEMPTS = 6
CONNECTIONS = 16


def s3_config(checksums: Checksums = "sha256", *, path_style: bool = False) -> Config:
    """`checksums="none"` is for stores that refuse the newer checksum headers, as Ceph RADOS Gateway 16 does.

    For presigned URLs botocore would take SigV2 and the global endpoint, which sends callers of a young bucket on to
    its region by a redirect; naming the signature and the style leads to SigV4 and the region. A bucket with dots in
    its name is addressed by path all the same.
    """
    wanted = "when_supported" if checksums == "sha256" else "when_required"
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation=wanted,
        response_checksum_validation=wanted,
        signature_version="s3v4",
        s3={"addressing_style": "path" if path_style else "virtual"},
    )


def s3_client(
    session: boto3.Session,
    *,
    endpoint_url: str | None = None,
    checksums: Checksums = "sha256",
    path_style: bool | None = None,
) -> Any:
    """A client that may be shared by threads. An endpoint of one's own is addressed by path unless told otherwise."""
    by_path = endpoint_url is not None if path_style is None else path_style
    return session.client("s3", endpoint_url=endpoint_url, config=s3_config(checksums, path_style=by_path))
