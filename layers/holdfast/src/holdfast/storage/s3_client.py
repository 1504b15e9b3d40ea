"""How boto3 is set up for S3 and for stores that speak its protocol. Every client of a store is made here."""

from typing import Any

import boto3
from botocore.config import Config

from holdfast.models.storage import Checksums, StorageSpec

__all__ = ["CONNECTIONS", "Checksums", "s3_client", "s3_config"]

CONNECTIONS = 16


def s3_config(spec: StorageSpec, *, own_endpoint: bool = False) -> Config:
    """Nothing of it changes the process: proxy and CA are this client's alone, and where the spec names no proxy the
    environment's stays. `own_endpoint`: the endpoint is no region of AWS, and `addressing: auto` means by path.

    For presigned URLs botocore would take SigV2 and the global endpoint, which sends callers of a young bucket on to
    its region by a redirect; naming the signature and the style leads to SigV4 and the region. A bucket with dots in
    its name is addressed by path all the same.
    """
    wanted = "when_supported" if spec.checksums == "sha256" else "when_required"
    style = spec.addressing
    if style == "auto":
        style = "path" if own_endpoint or spec.endpoint else "virtual"
    return Config(
        connect_timeout=spec.connect_timeout_s,
        read_timeout=spec.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": spec.attempts},
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation=wanted,
        response_checksum_validation=wanted,
        signature_version="s3v4",
        proxies={"http": spec.proxy, "https": spec.proxy} if spec.proxy else None,
        s3={"addressing_style": style},
    )


def s3_client(
    session: boto3.Session,
    spec: StorageSpec | None = None,
    *,
    endpoint_url: str | None = None,
    ca_file: str | None = None,
    region: str | None = None,
) -> Any:
    """A client that may be shared by threads. `endpoint_url` stands in where the spec names none; `ca_file` holds
    `spec.ca`, as botocore takes a path only; `region` is for a spec that names none. The session says who we are."""
    spec = spec or StorageSpec()
    endpoint = spec.endpoint or endpoint_url
    client = session.client(
        "s3",
        region_name=spec.region or region,
        endpoint_url=endpoint,
        verify=ca_file,
        config=s3_config(spec, own_endpoint=endpoint is not None),
    )
    client.meta.events.register("before-call.s3.HeadBucket", _follow_no_redirect)
    return client


def _follow_no_redirect(params: dict[str, Any], **_: Any) -> None:
    """botocore follows a redirect that names no region by asking for the bucket's, by a HEAD; redirected again it asks
    again, until Python's stack is full (seen in 1.44). The HEAD's own answer has the region, if there is one."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True
