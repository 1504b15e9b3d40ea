"""What a restore asks OpenShift's API, over HTTP: our `oc`, the double of the API, and a real etcd below it."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from builders.openshift_api import OpenShiftApi, openshift_api
from builders.openshift_restore_host import OpenShiftNode
from holdfast.local.machines.apiserver.kinds import Kind, kind_called
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import OcError

OVERRIDE = "useUnsupportedUnsafeNonHANonProductionUnstableEtcd"


def kind(word: str) -> Kind:
    found = kind_called(word)
    assert found is not None
    return found


NODE, ETCD, POD, OPERATOR = kind("node"), kind("etcd"), kind("pod"), kind("co")
WELL = [("Available", "True"), ("Progressing", "False"), ("Degraded", "False")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftApi]:
    with openshift_api(tmp_path_factory.mktemp("openshift")) as up:
        yield up


@pytest.fixture
def api(server: OpenShiftApi) -> Api:
    for each in (NODE, ETCD, POD, OPERATOR):
        for found in server.api.items(each):
            server.api.delete(each, found["metadata"].get("namespace", ""), found["metadata"]["name"])
    return server.api


@pytest.fixture
def host(server: OpenShiftApi, tmp_path: Path) -> OpenShiftNode:
    """Its oc is ours, and goes where this API is."""
    made = OpenShiftNode(tmp_path / "host", "dash")
    command = f'exec {sys.executable} -m holdfast.local.machines.oc "$@"'
    # The scripts name the host's own kubeconfig.
    given = f'for each in "$@"; do shift; case $each in */localhost.kubeconfig) each={server.kubeconfig} ;; esac; '
    made.stubs = {"oc": f'{given}set -- "$@" "$each"; done\n{command}\n'}
    return made


def conditions(pairs: list[tuple[str, str]], **more: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": name, "status": value, **more} for name, value in pairs]}}


def created(api: Api, of: Kind, name: str, status: dict[str, Any], namespace: str = "", **fields: Any) -> None:
    labels = {"labels": {"k8s-app": "etcd"}} if of is POD else {}
    value = {"apiVersion": of.api_version, "kind": of.name, "metadata": {"name": name, **labels}, **fields}
    if namespace:
        value["metadata"]["namespace"] = namespace
    api.create(of, namespace, value)
    api.patch(of, namespace, name, status, "status")


def rollout(api: Api, message: str, reason: str = "AllNodesAtLatestRevision") -> None:
    told = conditions([("NodeInstallerProgressing", "False")], reason=reason, message=message)
    api.patch(ETCD, "", "cluster", told, "status")


def has_etcd(api: Api, **spec: Any) -> None:
    created(api, ETCD, "cluster", {}, spec=spec or {"managementState": "Managed"})
    rollout(api, "3 nodes are at revision 6")


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=60)


def spec_of(api: Api) -> dict[str, Any]:
    return dict(api.get(ETCD, "", "cluster")["spec"])


def test_the_guard_goes_off_and_on_and_leaves_nothing(api: Api, host: OpenShiftNode) -> None:
    has_etcd(api)
    before = spec_of(api)
    assert host.done("guard_off", limit_s="10") == {"guard": "off", "was": "on"}
    assert spec_of(api)["unsupportedConfigOverrides"] == {OVERRIDE: True}
    assert host.done("guard_on", limit_s="10") == {"guard": "on", "was": "on"}
    assert spec_of(api) == before


def test_overrides_of_others_survive_both(api: Api, host: OpenShiftNode) -> None:
    has_etcd(api, unsupportedConfigOverrides={"other": {"deep": [1]}})
    host.done("guard_off", limit_s="10")
    assert set(spec_of(api)["unsupportedConfigOverrides"]) == {"other", OVERRIDE}
    host.done("guard_on", limit_s="10")
    assert spec_of(api)["unsupportedConfigOverrides"] == {"other": {"deep": [1]}}


def test_a_rollout_is_waited_for_while_it_moves(api: Api, host: OpenShiftNode) -> None:
    """From three nodes at the old revision over some at each to all at the new one."""
    has_etcd(api)

    def operator() -> None:
        deadline = time.monotonic() + 30
        while "forceRedeploymentReason" not in spec_of(api) and time.monotonic() < deadline:
            time.sleep(0.1)
        for ready in (1, 2):
            rollout(api, f"{3 - ready} nodes are at revision 6; {ready} nodes are at revision 7", "")
            time.sleep(0.5)
        rollout(api, "3 nodes are at revision 7")

    with meanwhile(operator):
        told = host.done("redeploy", limit_s="30")
    assert told == {"kind": "etcd", "before": 6, "revision": 7}
    assert spec_of(api)["forceRedeploymentReason"] == host.values("openshift/redeploy")["reason"]


def test_the_pods_the_nodes_and_the_operators_are_read_as_the_api_tells_them(api: Api, host: OpenShiftNode) -> None:
    created(api, POD, "etcd-m1", {"status": {"phase": "Running"}}, "openshift-etcd")
    assert host.done("api_back", alone="1", limit_s="10") == {"ready": True}
    created(api, POD, "etcd-m2", {"status": {"phase": "Pending"}}, "openshift-etcd")
    assert host.run("api_back", alone="1", limit_s="2").code == "openshift_api_silent"
    for name, ready in (("m1", "True"), ("w1", "False")):
        created(api, NODE, name, conditions([("Ready", ready)]))
    assert host.done("nodes_ready", node_names="m1", limit_s="10") == {"ready": ["m1"], "away": ["w1"]}
    created(api, OPERATOR, "etcd", conditions(WELL))
    assert host.done("wait_stable", limit_s="30") == {"stable": True, "by": "oc"}


def test_operators_that_do_not_settle_are_named(api: Api, host: OpenShiftNode) -> None:
    created(api, OPERATOR, "etcd", conditions(WELL))
    created(api, OPERATOR, "dns", conditions([("Available", "True"), ("Progressing", "True"), ("Degraded", "False")]))
    ended = host.run("wait_stable", limit_s="4")
    assert (ended.code, "dns" in ended.report["message"]) == ("openshift_not_stable", True)


def test_without_the_resource_there_is_nothing_to_turn(api: Api, host: OpenShiftNode) -> None:
    with pytest.raises(OcError):
        api.get(ETCD, "", "cluster")
    ended = host.run("guard_off", limit_s="2")
    assert (ended.code, "NotFound" in ended.report["message"]) == ("openshift_api_silent", True)
