"""The object stores that a measurement can run against."""

import contextlib
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from bench.problem import BenchError
from holdfast.models.storage import StorageSpec
from holdfast.storage.s3_client import Checksums, s3_client

# The stores are those of the tests, which are no package of the product's.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from builders.ceph import CephError, CephGateway, ceph_gateway
from builders.embedded import bare_localstack

REGION = "eu-central-1"


@dataclass(frozen=True)
class Target:
    """One bucket of one store, as a child process can be told it."""

    name: str
    url: str
    checksums: Checksums
    access_key: str = "test"
    secret_key: str = "test"  # noqa: S105 - what emulations take
    bucket: str = ""

    def client(self) -> Any:
        session = boto3.Session(
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key, region_name=REGION
        )
        return s3_client(session, StorageSpec(checksums=self.checksums), endpoint_url=self.url)

    @property
    def environment(self) -> dict[str, str]:
        """What makes the AWS CLI talk to this store."""
        quiet = {
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            **(quiet if self.checksums == "none" else {}),
        }


@contextlib.contextmanager
def store(name: str, folder: Path) -> Iterator[Target]:
    """`name` is "ceph", "localstack", or the URL of an S3 server that takes AWS_ACCESS_KEY_ID test."""
    if name == "ceph":
        with _ceph(folder / "ceph") as gateway:
            user = gateway.new_user("bench")
            yield with_bucket(Target(name, gateway.plain_url, "none", user.access_key, user.secret_key))
    elif name == "localstack":
        with bare_localstack(folder / "localstack", _note) as url:
            yield with_bucket(Target(name, url, "sha256"))
    else:
        yield with_bucket(Target("url", name, "sha256"))


def with_bucket(target: Target) -> Target:
    """The same store with a new bucket."""
    bucket = f"bench-{uuid.uuid4().hex[:10]}"
    place = {} if target.name == "ceph" else {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    target.client().create_bucket(Bucket=bucket, **place)
    return replace(target, bucket=bucket)


@contextlib.contextmanager
def _ceph(folder: Path) -> Iterator[CephGateway]:
    try:
        with ceph_gateway(folder, memory_mb=6144) as gateway:
            yield gateway
    except CephError as error:
        raise BenchError(str(error)) from error


def _note(line: str) -> None:
    """Standard output is for the figures."""
    print(line, file=sys.stderr)
