"""The stores, each started once for all tests here: LocalStack, and a Ceph RADOS Gateway under a private CA."""

import base64
from collections.abc import Iterator

import pytest

from builders.ceph import CephGateway, ceph_gateway, why_no_ceph
from builders.embedded import bare_localstack
from builders.kept import Control, Kept, control, kept
from builders.real_etcd import real_snapshot
from builders.sites import Site, ceph_site, localstack_site
from holdfast.local.etcd_cluster import LocalEtcd

pytest.register_assert_rewrite(*(f"contract.test_{each}_contract" for each in ("storage", "grants", "locks")))


# Keys to encrypt with, of 32 bytes each, from the configuration instead of a vault.
_KEYS = " ".join(f"testkey-{number}={base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))
ENCRYPTION = f"rgw crypt s3 kms backend=testing\nrgw crypt s3 kms encryption keys={_KEYS}"


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CephGateway]:
    if why := why_no_ceph():
        pytest.skip(why)
    with ceph_gateway(tmp_path_factory.mktemp("ceph") / "c", options=ENCRYPTION) as gateway:
        yield gateway


@pytest.fixture(scope="package")
def ceph(gateway: CephGateway) -> Site:
    return ceph_site(gateway, gateway.new_user("holdfast"))


@pytest.fixture(scope="package")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with bare_localstack(tmp_path_factory.mktemp("localstack") / "l") as url:
        yield localstack_site(url)


@pytest.fixture(params=["ceph", "localstack"])
def site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="package")
def controlled(localstack: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    folder = tmp_path_factory.mktemp("etcd")
    snapshot = folder / "source.db"
    snapshot.write_bytes(real_snapshot("a"))
    with LocalEtcd.start(folder / "e", members=1, snapshot=snapshot) as etcd:
        yield control(etcd, localstack.url)


@pytest.fixture
def keep(controlled: Control, site: Site) -> Kept:
    """A cluster that has no backup yet."""
    return kept(controlled, site)
