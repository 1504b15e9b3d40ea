"""The stores, each started once for all tests here: LocalStack, and a Ceph RADOS Gateway under a private CA."""

from collections.abc import Iterator

import pytest

from builders.ceph import CephGateway, ceph_gateway, why_no_ceph
from builders.embedded import bare_localstack
from builders.sites import Site, ceph_site, localstack_site

pytest.register_assert_rewrite(
    "contract.test_storage_contract", "contract.test_grants_contract", "contract.test_locks_contract"
)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CephGateway]:
    if why := why_no_ceph():
        pytest.skip(why)
    with ceph_gateway(tmp_path_factory.mktemp("ceph") / "c") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def ceph(gateway: CephGateway) -> Site:
    return ceph_site(gateway, gateway.new_user("holdfast"))


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with bare_localstack(tmp_path_factory.mktemp("localstack") / "l") as url:
        yield localstack_site(url)


@pytest.fixture(params=["ceph", "localstack"])
def site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(request.param)
    return found
