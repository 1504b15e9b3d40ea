"""The deployed product, its IAM enforced, and the nodes of a kubeadm cluster: over SSH with a jump host or over SSM."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders import embedded, iam_record
from builders.kubeadm_node import KubeadmCluster, kubeadm_cluster
from builders.node import Node
from builders.proc import seen_in_processes
from builders.product import DEADLINE_S, TEMPLATE, session_of
from builders.ssh_keys import client_key
from builders.waiting import wait_for
from holdfast.engine.catalog import load_manifest
from holdfast.engine.clusters import apply_cluster
from holdfast.local import nodes, stack
from holdfast.local.home import Home
from holdfast.local.machines.machine import Machine
from holdfast.local.stack import StackInfo
from holdfast.models.backup import Manifest
from holdfast.models.cluster import ClusterSpec
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

SECRET = "holdfast/e2e/ssh"
# What must be written down nowhere, beside keys: presigned URLs, and the variables that hand them to a script.
NEEDLES = ("X-Amz-Signature=", "PRIVATE KEY-----", "plan_url='http", "bundle_url='http", "snapshot_url='http")


@dataclass
class Site:
    """`arguments` are the command lines that were seen in processes of nodes and functions while backups ran."""

    home: Home
    info: StackInfo
    services: AwsServices
    cluster: KubeadmCluster
    jump: Node
    arguments: set[str] = field(default_factory=set)

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
        with self.watched():
            return self.end_of(self.start("StateMachineArn", {"cluster": spec.id}))

    def start(self, machine: str, given: dict[str, Any], name: str = "") -> str:
        """Start an execution of the machine whose ARN is that output of the stack, as the console does; its own ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.info.outputs[machine], name=name or f"console-{uuid.uuid4()}", input=json.dumps(given)
        )
        return str(started["executionArn"])

    def end_of(self, execution: str, within_s: float = DEADLINE_S) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            described = self.client("stepfunctions").describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else dict(described)

        return wait_for(ended, f"the end of {execution}", within_s)

    def manifest(self, ended: dict[str, Any], way: str) -> Manifest:
        assert ended["status"] == "SUCCEEDED", ended.get("cause")
        return load_manifest(self.services.reader, f"nodes-{way}", json.loads(ended["output"])["backup_id"])[0]

    @contextmanager
    def watched(self) -> Iterator[None]:
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


@contextmanager
def nodes_on_stack(folder: Path, *, api: bool = False) -> Iterator[Site]:
    """Three nodes; with `api` an API server of ours runs on each, and Secrets are not encrypted."""
    home = embedded.home(folder / "product", TEMPLATE)
    with (
        kubeadm_cluster(folder, encryption=not api, api=api) as cluster,
        Node(folder, "jump", forwarding=True, sudo="none") as jump,
    ):
        for node in cluster.nodes:
            nodes.register(home, _instance(node), node.enter())
        info = stack.up(home, lambda _line: None, iam="enforce")
        try:
            services = AwsServices(Settings.from_outputs(info.outputs), session_of(info), info.endpoint)
            made = Site(home, info, services, cluster, jump)
            made.client("secretsmanager").create_secret(
                Name=SECRET,
                SecretString=json.dumps({"private_key": client_key().private_key.get_secret_value()}),
                KmsKeyId=info.outputs["SecretsKeyArn"],
            )
            yield made
            iam_record.keep(f"nodes, {'with' if api else 'without'} an API server", info, home.iam_log)
        finally:
            stack.down(home)


def written_down(site: Site) -> Iterator[tuple[str, str]]:
    """Everything that anybody wrote while the backups ran: (where, text)."""
    yield "the stack's log", site.home.log.read_text(errors="replace")
    logs = site.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield group["logGroupName"], json.dumps(page["events"])
    states = site.client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"]):
            for execution in page["executions"]:
                yield "an execution's history", _history(states, execution["executionArn"])
    for page in site.client("dynamodb").get_paginator("scan").paginate(TableName=site.info.outputs["Table"]):
        yield "the table", json.dumps(page["Items"], default=str)
    for invocation in site.client("ssm").list_command_invocations(Details=True)["CommandInvocations"]:
        yield "Run Command's history", json.dumps(invocation, default=str)
    s3, bucket = site.client("s3"), site.info.outputs["SnapshotsBucket"]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for key in (each["Key"] for each in page["Contents"]):
            if key.endswith((".json", ".txt", ".md")):
                yield key, s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    for node in (*site.cluster.nodes, site.jump):
        for path in (*node.path("/var/lib/holdfast").rglob("*"), *node.path("/var/log").rglob("*")):
            if path.is_file():
                yield f"{node.name}:{path.name}", path.read_text(errors="replace")
    yield "the arguments of processes", "\n".join(site.arguments)


def _history(states: Any, execution: str) -> str:
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    return json.dumps([page["events"] for page in pages], default=str)
