"""The double of an OpenShift API and our `oc`, held to what a real kube-apiserver and kubectl do (tests/cluster)."""

from collections.abc import Iterator

import pytest

from builders.openshift_api import OpenShiftApi, openshift_api
from builders.openshift_contract import ApiContract, ClientContract


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftApi]:
    with openshift_api(tmp_path_factory.mktemp("openshift")) as up:
        yield up


class TestApi(ApiContract):
    """As the suite says."""


class TestClient(ClientContract):
    """As the suite says."""
