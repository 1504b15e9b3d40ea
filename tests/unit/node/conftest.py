"""A real etcd with a few megabytes that do not compress, and a real S3 server, shared by the tests of this folder."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from builders.real_etcd import RealEtcd, running_etcd
from builders.s3_server import client_of, new_bucket, s3_server

VALUE = 512 * 1024


@pytest.fixture(scope="package")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealEtcd]:
    """Its snapshots take two parts of 8 MiB or three, packed: how etcd lays out its pages is chance."""
    source = random.Random(1)
    with running_etcd(tmp_path_factory.mktemp("etcd") / "data") as etcd:
        for number in range(24):
            etcd.put(f"/registry/configmaps/default/c{number}", source.randbytes(VALUE))
        yield etcd


@pytest.fixture(scope="package")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(scope="package")
def client(s3_url: str) -> Any:
    return client_of(s3_url)


@pytest.fixture
def bucket(client: Any) -> str:
    return new_bucket(client)
