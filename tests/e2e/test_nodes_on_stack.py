"""The deployed product, its IAM enforced, and the nodes of a kubeadm cluster: over SSH with a jump host, and over SSM.

One cluster of three nodes for all tests. After the backups everything that was written down anywhere is searched for
what must be in none of it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from builders import embedded
from builders.kubeadm_node import KubeadmCluster, kubeadm_cluster
from builders.node import Node
from builders.proc import seen_in_processes
from builders.product import DEADLINE_S, TEMPLATE, session_of
from builders.ssh_keys import client_key
from builders.waiting import wait_for
from holdfast.engine.catalog import load_manifest
from holdfast.engine.clusters import apply_cluster
from holdfast.engine.verification import load_report
from holdfast.local import nodes, stack
from holdfast.local.home import Home
from holdfast.local.machines.machine import Machine
from holdfast.local.stack import StackInfo
from holdfast.models.backup import Manifest
from holdfast.models.cluster import ClusterSpec
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

SECRET = "holdfast/e2e/ssh"
WAYS = ("ssh", "ssm")


@dataclass
class Site:
    """`arguments` are the command lines that were seen in processes of nodes and functions while backups ran."""

    home: Home
    info: StackInfo
    services: AwsServices
    cluster: KubeadmCluster
    jump: Node
    arguments: set[str] = field(default_factory=set)
    executions: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return session_of(self.info).client(service, endpoint_url=self.info.endpoint)

    def spec(self, way: str) -> ClusterSpec:
        members = self.cluster.nodes
        ssh_nodes = [{"name": each.name, **_host(each)} for each in members]
        ssh = {"kind": "ssh", "user": "core", "credentials": SECRET, "nodes": ssh_nodes, "jump": _host(self.jump)}
        ssm = {"kind": "ssm", "nodes": [{"name": each.name, "instance": _instance(each)} for each in members]}
        transport = ssh if way == "ssh" else ssm
        return ClusterSpec.model_validate({"id": f"nodes-{way}", "driver": "kubeadm", "transport": transport})

    def backup(self, way: str) -> dict[str, Any]:
        """The described execution of one backup, watched from outside."""
        spec = self.spec(way)
        apply_cluster(self.services, spec, replace=True)
        states = self.client("stepfunctions")
        execution = states.start_execution(
            stateMachineArn=self.info.outputs["StateMachineArn"], input=json.dumps({"cluster": spec.id})
        )["executionArn"]
        self.executions.append(execution)

        def ended() -> dict[str, Any] | None:
            described = states.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else dict(described)

        with self._watched():
            return wait_for(ended, f"the end of {execution}", DEADLINE_S)

    def manifest(self, ended: dict[str, Any], way: str) -> Manifest:
        assert ended["status"] == "SUCCEEDED", ended.get("cause")
        return load_manifest(self.services.reader, f"nodes-{way}", json.loads(ended["output"])["backup_id"])[0]

    @contextmanager
    def _watched(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                self.arguments.update(seen_in_processes(_command_line))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _command_line(process: Path) -> str:
    return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")


def _host(node: Machine) -> dict[str, Any]:
    return {"host": node.address, "port": node.ssh_port, "host_keys": list(node.fingerprints)}


def _instance(node: Machine) -> str:
    return f"mi-{node.ssh_port:017x}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nodes")
    home = embedded.home(tmp_path_factory.mktemp("product"), TEMPLATE)
    with (
        kubeadm_cluster(folder, encryption=True) as cluster,
        Node(folder, "jump", forwarding=True, sudo="none") as jump,
    ):
        for node in cluster.nodes:
            nodes.register(home, _instance(node), node.enter())
        info = stack.up(home, lambda _line: None, iam="enforce")
        try:
            services = AwsServices(Settings.from_outputs(info.outputs), session_of(info), info.endpoint)
            made = Site(home, info, services, cluster, jump)
            made.client("secretsmanager").create_secret(
                Name=SECRET, SecretString=json.dumps({"private_key": client_key().private_key.get_secret_value()})
            )
            yield made
        finally:
            stack.down(home)


@pytest.mark.parametrize("way", WAYS)
def test_a_backup_through_nodes_ends_verified_and_is_what_the_members_have(way: str, site: Site) -> None:
    manifest = site.manifest(site.backup(way), way)
    report = load_report(site.services.reader, manifest.cluster_id, manifest.backup_id)
    revision = report.database.head.revision
    live = {site.cluster.client().hash_kv(each, revision).hash for each in site.cluster.endpoints}
    assert report.database.hash_kv is not None
    assert live == {report.database.hash_kv.hash}
    assert manifest.source.transport == way
    assert [bundle.node for bundle in manifest.bundles] == ["n1", "n2", "n3"]
    assert all(bundle.encryption_keys for bundle in manifest.bundles)


def test_no_call_was_outside_of_its_role(site: Site) -> None:
    record = [json.loads(line) for line in site.home.iam_log.read_text().splitlines()]
    assert {"ssm:SendCommand", "s3:ListMultipartUploadParts"} <= {line["action"] for line in record}
    assert [line for line in record if line["decision"] != "allowed"] == []


def test_a_run_that_is_stopped_leaves_nothing_on_its_nodes(site: Site) -> None:
    spec = site.spec("ssh")
    apply_cluster(site.services, spec, replace=True)
    states = site.client("stepfunctions")
    execution = states.start_execution(
        stateMachineArn=site.info.outputs["StateMachineArn"], input=json.dumps({"cluster": spec.id})
    )["executionArn"]
    name = execution.rpartition(":")[2]

    def begun() -> bool | None:
        return any(path.name.startswith(f"{name}.snapshot.") for path in _steps(site)) or None

    wait_for(begun, "the snapshot's step on a node", DEADLINE_S)
    states.stop_execution(executionArn=execution)

    def closed() -> bool | None:
        return site.services.runs.get(spec.id, name).outcome is not None or None

    wait_for(closed, "the outcome of the stopped run", DEADLINE_S)
    assert [path for path in _steps(site) if path.name.startswith(f"{name}.")] == []
    assert (
        site.client("s3").list_multipart_uploads(Bucket=site.info.outputs["SnapshotsBucket"]).get("Uploads", []) == []
    )


def _steps(site: Site) -> list[Path]:
    return [path for node in site.cluster.nodes for path in node.path("/var/lib/holdfast/steps").glob("*")]


def written_down(site: Site) -> Iterator[tuple[str, str]]:
    """Everything that anybody wrote while the backups ran: (where, text)."""
    yield "the stack's log", site.home.log.read_text(errors="replace")
    logs = site.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield group["logGroupName"], json.dumps(page["events"])
    states = site.client("stepfunctions")
    for execution in site.executions:
        for page in states.get_paginator("get_execution_history").paginate(executionArn=execution):
            yield "an execution's history", json.dumps(page["events"], default=str)
    for page in site.client("dynamodb").get_paginator("scan").paginate(TableName=site.info.outputs["Table"]):
        yield "the table", json.dumps(page["Items"], default=str)
    for invocation in site.client("ssm").list_command_invocations(Details=True)["CommandInvocations"]:
        yield "Run Command's history", json.dumps(invocation, default=str)
    for entry in site.services.reader.list(""):
        if entry.key.endswith((".json", ".txt")):
            yield entry.key, site.services.reader.read(entry.key).decode()
    for node in (*site.cluster.nodes, site.jump):
        for path in (*node.path("/var/lib/holdfast").rglob("*"), *node.path("/var/log").rglob("*")):
            if path.is_file():
                yield f"{node.name}:{path.name}", path.read_text(errors="replace")
    yield "the arguments of processes", "\n".join(site.arguments)


def test_no_key_no_token_and_no_presigned_url_is_written_down_anywhere(site: Site) -> None:
    """Of what lies in the bucket, upload.txt held the URLs while a node needed them; it is empty now."""
    key = client_key().private_key.get_secret_value().splitlines()
    encryption = site.cluster.nodes[0].encryption_key
    assert encryption is not None
    needles = {"X-Amz-Signature=", "PRIVATE KEY-----", key[len(key) // 2], "plan_url='http", "bundle_url='http"}
    sources = list(written_down(site))
    assert {"an execution's history", "Run Command's history", "the arguments of processes"} <= {
        where for where, _ in sources
    }
    assert any("holdfast-step" in text for where, text in sources if where == "the arguments of processes")
    found = [(where, needle) for where, text in sources for needle in needles if needle in text]
    assert found == []
