"""The suite of tests/contract, asked of a Ceph RADOS Gateway under a private CA, and of LocalStack."""

import pytest

from builders.sites import Site
from contract.test_storage_contract import *  # noqa: F403 - the tests
from holdfast.storage.s3 import S3Bucket


@pytest.fixture(params=[False, True], ids=["plain", "versioned"])  # type: ignore[no-redef] # instead of the suite's
def bucket(request: pytest.FixtureRequest, site: Site) -> S3Bucket:
    return site.bucket(versioned=request.param)
