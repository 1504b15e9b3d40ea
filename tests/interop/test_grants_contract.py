"""The suite of presigned uploads, asked of a Ceph RADOS Gateway under a private CA, and of LocalStack."""

import pytest

from builders.granted import Granted
from builders.sites import Site
from contract.test_grants_contract import *  # noqa: F403 - the tests


@pytest.fixture(params=[False, True], ids=["plain", "versioned"])  # type: ignore[no-redef] # instead of the suite's
def store(request: pytest.FixtureRequest, site: Site) -> Granted:
    return site.granted(versioned=request.param)
