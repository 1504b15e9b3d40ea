"""The double of an OpenShift API and our `oc`, held to what a real kube-apiserver and kubectl do (tests/cluster); and
what only the double can be asked: with members that go, and in front of servers that are none."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builders.openshift_api import PREFIX, OpenShiftApi, openshift_api
from builders.openshift_contract import CSR, MACHINE, NAMESPACE, ApiContract, ClientContract, kind, machine, request
from builders.waiting import wait_for
from holdfast.local.machines.oc.failures import OcError

NODE, LEASE, OPERATOR = kind("node"), kind("lease"), kind("co")
NAMES = ("m-1", "machine-2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftApi]:
    with openshift_api(tmp_path_factory.mktemp("openshift")) as up:
        yield up


class TestApi(ApiContract):
    """As the suite says."""


class TestClient(ClientContract):
    """As the suite says."""


@pytest.fixture(scope="module")
def tables(server: OpenShiftApi) -> OpenShiftApi:
    """With two Machines that run in a namespace of their own, and an operator that progresses."""
    for name in NAMES:
        value = machine(name, namespace="tables", labels={"machine.openshift.io/zone": "eu-west-1a"})
        server.api.create(MACHINE, "tables", value)
        status = {"phase": "Running", "nodeRef": {"name": f"node-of-{name}"}}
        server.api.patch(MACHINE, "tables", name, {"status": status}, "status")
    operator = {"apiVersion": OPERATOR.api_version, "kind": OPERATOR.name, "metadata": {"name": "etcd"}, "spec": {}}
    server.api.create(OPERATOR, "", operator)
    states = {"Available": "True", "Progressing": "True", "Degraded": "False"}
    conditions = [{"type": each, "status": said} for each, said in states.items()]
    versions = [{"name": "raw", "version": "0"}, {"name": "operator", "version": "4.18.12"}]
    server.api.patch(OPERATOR, "", "etcd", {"status": {"conditions": conditions, "versions": versions}}, "status")
    return server


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "get machine -n tables",
            (
                "NAME        PHASE     TYPE   REGION   ZONE         AGE\n"
                "m-1         Running                   eu-west-1a   0s\n"
                "machine-2   Running                   eu-west-1a   0s\n"
            ),
        ),
        (
            "get machines m-1 -n tables -o wide --no-headers",
            "m-1   Running               eu-west-1a   0s    node-of-m-1         \n",
        ),
        (
            "get co",
            (
                "NAME   VERSION   AVAILABLE   PROGRESSING   DEGRADED   SINCE\n"
                "etcd   4.18.12   True        True          False      <unknown>\n"
            ),
        ),
        ("get machine -n tables -o name", "".join(f"machine.machine.openshift.io/{name}\n" for name in NAMES)),
        (
            "get machine -A --field-selector metadata.name=m-1 --no-headers",
            "tables   m-1   Running               eu-west-1a   0s\n",
        ),
    ],
)
def test_a_table_is_as_kubectl_prints_it(tables: OpenShiftApi, line: str, expected: str) -> None:
    done = tables.oc(*line.split(" "))
    assert (done.stderr, done.code) == ("", 0)
    assert _new(done.stdout) == expected


def _new(text: str) -> str:
    """As if everything had been made just now: an age within a line keeps its width."""
    text = re.sub(r"\b\d+[ms](?=\n)", "0s", text)
    return re.sub(r"\b\d+[ms](?= )", lambda age: "0s".ljust(len(age[0])), text)


def test_objects_lie_where_kubernetes_has_them(server: OpenShiftApi) -> None:
    server.api.create(MACHINE, NAMESPACE, machine("where"))
    server.api.create(NODE, "", {"metadata": {"name": "where"}})
    server.api.create(CSR, "", request("where"))
    assert server.etcd is not None
    keys = server.etcd.etcdctl("get", PREFIX, "--prefix", "--keys-only").split()
    folders = ("machine.openshift.io/machines/default", "minions", "certificatesigningrequests")
    assert {f"{PREFIX}/{folder}/where" for folder in folders} <= set(keys)


def test_a_node_is_ready_while_its_lease_is_young_and_tainted_when_it_is_not(server: OpenShiftApi) -> None:
    server.api.create(NODE, "", {"metadata": {"name": "leased"}, "status": {"conditions": []}})
    lease = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": {"name": "leased"}}
    for age, status in ((0, "True"), (60, "Unknown")):
        renewed = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        value = {**lease, "spec": {"holderIdentity": "leased", "renewTime": renewed}}
        if age:
            server.api.replace(LEASE, "kube-node-lease", value)
        else:
            server.api.create(LEASE, "kube-node-lease", value)
        node = server.api.get(NODE, "", "leased")
        (condition,) = (each for each in node["status"]["conditions"] if each["type"] == "Ready")
        assert condition["status"] == status
        tainted = "node.kubernetes.io/unreachable" in json.dumps(node["spec"].get("taints", []))
        assert tainted == (status == "Unknown")


def test_a_node_without_a_lease_is_what_its_status_says(server: OpenShiftApi) -> None:
    said = {"type": "Ready", "status": "False", "reason": "KubeletNotReady"}
    server.api.create(NODE, "", {"metadata": {"name": "unleased"}, "status": {"conditions": [said]}})
    assert server.api.get(NODE, "", "unleased")["status"]["conditions"] == [said]


def test_the_next_member_is_asked_when_one_goes_and_none_is_an_error(tmp_path: Path) -> None:
    with openshift_api(tmp_path, members=3) as server:
        assert server.etcd is not None
        server.api.create(NODE, "", {"metadata": {"name": "kept"}})
        first, *others = server.etcd.members
        first.stop()
        found = wait_for(lambda: _or_none(lambda: server.oc("get", "node", "kept", "-o", "name")), "an answer", 20)
        assert found == "node/kept\n"
        for member in others:
            member.stop()
        done = server.oc("get", "node", "kept")
        assert (done.stdout, done.code) == ("", 1)
        assert done.stderr.startswith("Error from server (InternalError): etcdserver: ")
        raw = server.oc("get", "--raw", "/readyz")
        assert (raw.code, "[-]etcd failed" in raw.stderr) == (1, True)


def _or_none(ask: Callable[[], object]) -> str | None:
    done = ask()
    return done.stdout if getattr(done, "code", 1) == 0 else None  # type: ignore[attr-defined]


def elsewhere(server: OpenShiftApi, folder: Path, port: int) -> OpenShiftApi:
    """The same user, sent to another port."""
    config = re.sub(r"server: .*", f"server: https://127.0.0.1:{port}", server.kubeconfig.read_text())
    (folder / "elsewhere.conf").write_text(config)
    return replace(server, kubeconfig=folder / "elsewhere.conf")


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each connection is taken, and dealt with so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    taken, _ = listener.accept()
                except OSError:
                    return
                answer(taken)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_nobody_who_listens_is_told_as_a_refused_connection(server: OpenShiftApi, tmp_path: Path) -> None:
    done = elsewhere(server, tmp_path, 1).oc("get", "nodes")
    words = "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n"
    assert (done.stdout, done.stderr, done.code) == ("", words, 1)


def test_a_connection_that_ends_before_it_says_anything_is_told_as_eof(server: OpenShiftApi, tmp_path: Path) -> None:
    with listening(socket.socket.close) as port:
        done = elsewhere(server, tmp_path, port).oc("get", "nodes")
    assert done.code == 1
    assert done.stderr in ("Unable to connect to the server: EOF\n", _reset(port))


def _reset(port: int) -> str:
    return f"Unable to connect to the server: read tcp 127.0.0.1:{port}: read: connection reset by peer\n"


def test_a_server_that_says_nothing_meets_the_time_that_a_request_may_take(
    server: OpenShiftApi, tmp_path: Path
) -> None:
    kept: list[socket.socket] = []
    with listening(kept.append) as port:
        done = elsewhere(server, tmp_path, port).oc("get", "nodes", "--request-timeout=1s")
    for each in kept:
        each.close()
    words = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
    assert (done.stderr, done.code) == (f"Unable to connect to the server: {words}\n", 1)


def test_a_stranger_with_a_certificate_of_its_own_is_not_believed(server: OpenShiftApi, tmp_path: Path) -> None:
    with openshift_api(tmp_path) as other:
        port = int(other.kubeconfig.read_text().rpartition("127.0.0.1:")[2].split()[0])
        with pytest.raises(OcError, match="Unable to connect to the server: x509: "):
            elsewhere(server, tmp_path, port).api.items(NODE)


def test_a_file_that_is_not_there_is_named(server: OpenShiftApi, tmp_path: Path) -> None:
    done = replace(server, kubeconfig=tmp_path / "none.conf").oc("get", "nodes")
    assert (done.stderr, done.code) == (f"error: stat {tmp_path}/none.conf: no such file or directory\n", 1)
