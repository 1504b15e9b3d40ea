"""The stack that all tests of the embedded stack share: it starts with the first, and anew after a test ended it."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from builders import embedded
from builders.probe import Probe
from holdfast.local import stack
from holdfast.local.home import Home
from holdfast.local.localstack import USUAL_PORT


@pytest.fixture(scope="package")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = embedded.home(tmp_path_factory.mktemp("stack"))
    yield home
    stack.down(home)


@pytest.fixture
def probe(shared_home: Home) -> Probe:
    """With IAM enforced, and on a free port because the usual one is taken while it starts."""
    with contextlib.ExitStack() as usual_port:
        with contextlib.suppress(OSError):  # somebody else has it already, which does as well
            usual_port.enter_context(socket.create_server(("127.0.0.1", USUAL_PORT)))
        return Probe(shared_home, stack.up(shared_home, lambda _: None, iam="enforce"))


@pytest.fixture
def s3_url(probe: Probe) -> str:
    """LocalStack's S3: unlike moto it checks checksums and conditional writes as S3 does."""
    return probe.info.endpoint
