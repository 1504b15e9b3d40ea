"""Stacks that tests share: the small one of the embedded stack's own tests, and the product's.

The small one starts with the first test, and anew after a test ended it.
"""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import embedded
from builders.probe import Probe
from builders.product import TEMPLATE, Product, etcd_from_real_snapshot, product_on
from holdfast.local import stack
from holdfast.local.home import Home
from holdfast.local.localstack import USUAL_PORT

FOLDER = Path(__file__).parent
LAST = ("test_product_on_stack.py", "test_roles_on_stack.py", "test_iam_on_stack.py")


@pytest.fixture(scope="package")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = embedded.home(tmp_path_factory.mktemp("stack"))
    yield home
    stack.down(home)


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product's template with IAM enforced, and a real etcd with TLS. Restores need four eyes here."""
    home = embedded.home(tmp_path_factory.mktemp("product"), TEMPLATE)
    with etcd_from_real_snapshot(tmp_path_factory.mktemp("source")) as etcd:
        info = stack.up(home, lambda _line: None, iam="enforce", parameters={"FourEyes": "yes"})
        try:
            yield product_on(info, etcd, home.iam_log)
        finally:
            stack.down(home)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares the product's stack runs together and last: the proof of its roles asks what all others have used."""
    here = [index for index, item in enumerate(items) if item.path.parent == FOLDER]
    turn = {name: number for number, name in enumerate(LAST, start=1)}
    ordered = sorted((items[index] for index in here), key=lambda item: turn.get(item.path.name, 0))
    for index, item in zip(here, ordered, strict=True):
        items[index] = item


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
