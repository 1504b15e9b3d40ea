"""A bucket for a test that names one: on a server in this process, or on what a folder's own `s3_url` names."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from builders.s3_server import client_of, new_bucket, s3_server

# A machine that is busy with something else is no reason to fail; each test has a time limit of its own.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def direct(s3_url: str) -> Any:
    """A client with nothing between it and the server."""
    return client_of(s3_url)


@pytest.fixture
def bucket(direct: Any) -> str:
    return new_bucket(direct)
