"""What openshift_survey.sh is told by an API server, as one suite: by our double and our `oc`, and by a real
kube-apiserver with OpenShift's kinds and a real kubectl (tests/cluster). `server` is a fixture of whoever takes it."""

import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from builders.openshift_api import OpenShiftApi
from builders.openshift_host import DRIVER, openshift_host
from builders.questions import Asker
from builders.waiting import wait_for
from holdfast.local.machines.apiserver.kinds import Kind, kind_called
from holdfast.local.machines.oc.failures import RefusedError
from holdfast.models.openshift import OPERATORS, OpenShiftView

OUR_OC = (sys.executable, "-m", "holdfast.local.machines.oc")
MACHINES, ETCD = "openshift-machine-api", "openshift-etcd"
READY_SINCE = "2026-03-01T08:20:00Z"
_MASTER = {"node-role.kubernetes.io/master": ""}
_OF_MACHINES = {"machine.openshift.io/cluster-api-machine-role": "master"}


def condition(kind: str, status: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": status, **more}


def put(server: OpenShiftApi, word: str, name: str, *, namespace: str = "", **parts: Any) -> None:
    """Made, or merged into what is there; its status by its own path."""
    kind = kind_called(word)
    assert isinstance(kind, Kind)
    status = parts.pop("status", None)
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **parts.pop("metadata", {})}
    try:
        server.api.create(
            kind, namespace, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **parts}
        )
    except RefusedError as error:
        if error.reason != "AlreadyExists":
            raise
        if kind.name != "Pod":  # whose containers nobody may change
            server.api.patch(kind, namespace, name, parts)
    if status is not None:
        server.api.patch(kind, namespace, name, {"status": status}, "status")


def asked(folder: Path, server: OpenShiftApi, client: tuple[str, ...]) -> OpenShiftView:
    """`client` takes the words of `oc`; the kubeconfig that the host would have is replaced."""
    asker = Asker(folder / "host", "dash", without=("etcdctl",))
    oc = folder / "host/bin/oc"
    oc.write_text(f'#!/bin/sh\nexec {shlex.join(client)} "$@" {shlex.quote(f"--kubeconfig={server.kubeconfig}")}\n')
    oc.chmod(0o755)
    result = asker.ask(DRIVER.survey(), root=str(openshift_host(folder / "root")))
    assert result.exit_code == 0, result.stderr
    now = datetime.now(UTC)
    view = DRIVER.read_survey("m0", result, asked_at=now - timedelta(seconds=90), read_at=now).openshift
    assert view is not None
    return view


def fill(server: OpenShiftApi) -> None:
    """A cluster in the middle of much: every field that the survey reads has something to tell."""
    for name in (MACHINES, ETCD):
        put(server, "namespace", name)
    progress = [condition("Available", "True"), condition("Progressing", "True")]
    put(
        server, "clusterversion", "version", spec={}, status={"desired": {"version": "4.18.12"}, "conditions": progress}
    )
    told = {"controlPlaneTopology": "HighlyAvailable", "platform": "AWS", "infrastructureName": "prod-x7k2p"}
    put(server, "infrastructure", "cluster", spec={}, status=told)
    for name in (*OPERATORS, "console"):
        moving = "True" if name == "kube-scheduler" else "False"
        conditions = [condition("Degraded", "False"), condition("Progressing", moving), condition("Available", "True")]
        put(server, "clusteroperator", name, spec={}, status={"conditions": conditions})
    encrypted = condition("Encrypted", "True", reason="EncryptionCompleted", message="All resources encrypted: secrets")
    put(server, "kubeapiserver", "cluster", spec={}, status={"conditions": [condition("X", "True"), encrypted]})
    moving_keys = condition("Encrypted", "False", reason="EncryptionInProgress", message="routes:\nare written\n")
    put(server, "openshiftapiserver", "cluster", spec={}, status={"conditions": [moving_keys]})
    put(server, "authentications.operator.openshift.io", "cluster", spec={})
    put(server, "proxy", "cluster", spec={"httpsProxy": "http://user:s3cret@proxy:3128"})
    guard = {"unsupportedConfigOverrides": {"useUnsupportedUnsafeNonHANonProductionUnstableEtcd": True}}
    available = condition("EtcdMembersAvailable", "False", message="2 of 3 members are available, m-1 is unhealthy")
    put(server, "etcd", "cluster", spec=guard, status={"conditions": [available]})
    _nodes(server)
    _machines(server)


def _nodes(server: OpenShiftApi) -> None:
    ready = condition("Ready", "True", lastTransitionTime=READY_SINCE)
    addresses = [{"type": "InternalIP", "address": "10.0.0.10"}, {"type": "Hostname", "address": "m-0"}]
    put(server, "node", "m-0", metadata={"labels": _MASTER}, status={"conditions": [ready], "addresses": addresses})
    taints = [{"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}]
    taints += [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]
    put(server, "node", "m-1", metadata={"labels": _MASTER}, spec={"taints": taints})
    put(server, "node", "a-worker")
    container = {"name": "etcd", "image": "e"}
    for number, (phase, waiting) in enumerate(
        (("Running", {}), ("Running", {"waiting": {"reason": "CrashLoopBackOff"}}))
    ):
        spec = {"nodeName": f"m-{number}", "containers": [container]}
        labels = {"labels": {"k8s-app": "etcd", "app": "etcd"}}
        state = waiting or {"running": {"startedAt": READY_SINCE}}
        containers = [
            {"name": name, "image": "e", "imageID": "", "ready": not waiting, "restartCount": count, "state": state}
            for name, count in (("etcd", 7 * number), ("etcd-metrics", number))
        ]
        conditions = [condition("Ready", "False" if waiting else "True")]
        told = {"phase": phase, "conditions": conditions, "containerStatuses": containers}
        _put_pod(server, f"etcd-m-{number}", metadata=labels, spec=spec, status=told)


def _put_pod(server: OpenShiftApi, name: str, **parts: Any) -> None:
    """A real server admits none before the namespace has its ServiceAccount, some moments after it was made."""

    def is_put() -> bool:
        try:
            put(server, "pod", name, namespace=ETCD, **parts)
        except RefusedError as error:
            if error.reason != "Forbidden":
                raise
            return False
        return True

    wait_for(is_put, f"the pod {name}", 20)


def emptied(server: OpenShiftApi) -> None:
    """Without what `fill` put there and no CustomResourceDefinition takes with it."""
    for word, names in {"node": ("m-0", "m-1", "a-worker"), "namespace": (ETCD, MACHINES)}.items():
        kind = kind_called(word)
        assert isinstance(kind, Kind)
        for name in names:
            server.api.delete(kind, "", name)


def _machines(server: OpenShiftApi) -> None:
    running = {"phase": "Running", "nodeRef": {"name": "m-0"}, "providerStatus": {"instanceState": "running"}}
    for name, status in (("prod-master-0", running), ("prod-master-1", {"phase": "Provisioned"})):
        put(server, "machine", name, namespace=MACHINES, metadata={"labels": _OF_MACHINES}, spec={}, status=status)
    put(server, "machine", "prod-worker-0", namespace=MACHINES, spec={}, status=running)
    put(server, "cpms", "cluster", namespace=MACHINES, spec={"state": "Active"})


class SurveyContract:
    def client(self, server: OpenShiftApi) -> tuple[str, ...]:  # noqa: ARG002 # another client comes with its server
        return OUR_OC

    def test_the_questions_of_a_survey_are_answered(self, server: OpenShiftApi, tmp_path: Path) -> None:
        fill(server)
        view = asked(tmp_path, server, self.client(server))
        found = view.cluster
        assert found is not None, view.silence
        assert (found.unanswered, view.silence) == ((), "")
        assert (found.version, found.progressing) == ("4.18.12", "True")
        assert found.created_at is not None
        assert abs(datetime.now(UTC) - found.created_at) < timedelta(minutes=30)
        assert (found.topology, found.platform, found.infrastructure) == ("HighlyAvailable", "AWS", "prod-x7k2p")
        assert {each.name: (each.available, each.progressing, each.degraded) for each in found.operators} == {
            name: ("True", "True" if name == "kube-scheduler" else "False", "False") for name in OPERATORS
        }
        assert {each.server: (each.reason, each.message) for each in found.encryption} == {
            "kubeapiserver": ("EncryptionCompleted", "All resources encrypted: secrets"),
            "openshiftapiserver": ("EncryptionInProgress", "routes: are written"),
            "authentication": ("", ""),
        }
        assert (found.proxy, found.guard_off, found.machine_set) == (True, True, "Active")
        assert (found.members_available, found.members_message) == (
            "False",
            "2 of 3 members are available, m-1 is unhealthy",
        )

    def test_only_the_control_plane_is_told_of(self, server: OpenShiftApi, tmp_path: Path) -> None:
        fill(server)
        found = asked(tmp_path, server, self.client(server)).cluster
        assert found is not None
        nodes = {each.name: each for each in found.nodes}
        assert {"m-0", "m-1"} <= set(nodes)
        assert "a-worker" not in nodes
        assert (nodes["m-0"].ready, nodes["m-0"].unreachable) == ("True", False)
        assert nodes["m-0"].addresses == ("10.0.0.10", "m-0")
        assert nodes["m-0"].ready_since == datetime(2026, 3, 1, 8, 20, tzinfo=UTC)
        assert nodes["m-1"].unreachable
        assert [(each.name, each.node, each.phase, each.state) for each in found.machines] == [
            ("prod-master-0", "m-0", "Running", "running"),
            ("prod-master-1", "", "Provisioned", ""),
        ]
        assert [(each.node, each.ready, each.restarts, each.reason) for each in found.etcd_pods] == [
            ("m-0", True, 0, ""),
            ("m-1", False, 8, "CrashLoopBackOff"),
        ]

    def test_what_is_not_there_is_no_gap(self, server: OpenShiftApi, tmp_path: Path) -> None:
        fill(server)
        kind = kind_called("cpms")
        assert kind is not None
        server.api.delete(kind, MACHINES, "cluster")
        found = asked(tmp_path, server, self.client(server)).cluster
        assert found is not None
        assert (found.machine_set, found.unanswered) == ("", ())
