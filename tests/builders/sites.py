"""The S3 services that a backup may be kept in, for tests that ask the same of each."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from builders.ceph import CephGateway, CephUser
from builders.granted import Granted, over_client, over_http
from builders.s3_server import SESSION, client_of, new_bucket
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_client import Checksums

REGION = "us-east-1"


@dataclass(frozen=True)
class Site:
    """One service as one of its users sees it. `checksums` is what it can do; `ca_file` belongs to an https `url`."""

    name: str
    url: str
    session: boto3.Session
    checksums: Checksums
    ca_file: Path | None = None

    def client(self, **options: Any) -> Any:
        wanted = {"checksums": self.checksums, "session": self.session, "ca_file": self.ca_file} | options
        return client_of(self.url, **wanted)

    def bucket(self, *, versioned: bool = False, locks: bool = False) -> S3Bucket:
        """A new one."""
        client = self.client()
        name = new_bucket(client, versioned=versioned, locks=locks)
        # Of these services the one without checksums ignores conditions too.
        return S3Bucket(client, name, checksums=self.checksums, conditional_puts=self.checksums == "sha256")

    def granted(self, *, versioned: bool = False) -> Granted:
        """A new bucket, and whoever holds a URL of it."""
        client, ca = self.client(), self.ca_file.read_text() if self.ca_file else ""
        bucket = new_bucket(client, versioned=versioned)
        return over_client(client, bucket, checksums=self.checksums, send=partial(over_http, ca=ca))

    @property
    def keys(self) -> str:
        """What a secret `holdfast-store/…` of this user holds."""
        ours = self.session.get_credentials()
        return json.dumps({"access_key": ours.access_key, "secret_key": ours.secret_key})

    def storage(self, **changes: Any) -> dict[str, Any]:
        """The `storage:` of a cluster's file that leads here; `changes` name buckets and secrets."""
        fields: dict[str, Any] = {"endpoint": self.url, "region": REGION, "attempts": 3, "read_timeout_s": 5}
        if self.ca_file:
            fields["ca"] = self.ca_file.read_text()
        if self.checksums == "none":
            fields |= {"checksums": "none", "conditional_puts": False}
        return fields | changes

    def as_user(self, user: CephUser) -> "Site":
        return replace(self, session=_session(user))


def ceph_site(gateway: CephGateway, user: CephUser) -> Site:
    return Site("ceph", gateway.url, _session(user), "none", gateway.ca_file)


def localstack_site(url: str) -> Site:
    return Site("localstack", url, SESSION, "sha256")


def _session(user: CephUser) -> boto3.Session:
    return boto3.Session(aws_access_key_id=user.access_key, aws_secret_access_key=user.secret_key, region_name=REGION)
