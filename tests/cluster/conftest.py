"""The product on the embedded stack, and a real cluster for it to back up. Without a cluster every test fails."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from builders import embedded
from builders.product import TEMPLATE, session_of
from builders.real_cluster import RealCluster
from holdfast.local import stack
from holdfast.local.stack import StackInfo
from holdfast.settings import Settings
from holdfast.wiring import AwsServices


@pytest.fixture(scope="session")
def cluster() -> RealCluster:
    return RealCluster.from_environment()


@pytest.fixture(scope="session")
def info(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackInfo]:
    home = embedded.home(tmp_path_factory.mktemp("product"), TEMPLATE)
    started = stack.up(home, lambda _line: None, iam="enforce")
    try:
        with cluster.reach_back(urlsplit(started.endpoint).port or 80):
            yield started
    finally:
        stack.down(home)


@pytest.fixture(scope="session")
def services(cluster: RealCluster, info: StackInfo) -> AwsServices:
    found = AwsServices(Settings.from_outputs(info.outputs), session_of(info), info.endpoint)
    secrets = session_of(info).client("secretsmanager", endpoint_url=info.endpoint)
    for name, text in {
        "holdfast/e2e/ssh": cluster.ssh_secret(),
        "holdfast/e2e/kubeconfig": cluster.kubeconfig.read_text(),
        "holdfast/e2e/etcd": cluster.etcd_secret(),
    }.items():
        secrets.create_secret(Name=name, SecretString=text)
    return found
