"""The real cluster of the environment, the product on the embedded stack, and who looks on from outside."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from bench.problem import BenchError
from bench.restore_probe import Probe
from builders import embedded
from builders.product import TEMPLATE, session_of
from builders.real_cluster import RealCluster
from builders.real_restore import Restoring
from holdfast.engine.catalog import load_manifest
from holdfast.engine.clusters import apply_cluster
from holdfast.engine.verification import load_report
from holdfast.local import stack
from holdfast.models.cluster import ClusterSpec
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

CLUSTER, KEY = "bench", "holdfast/bench/ssh"
_URL_S = 3600


@dataclass(frozen=True)
class Backup:
    """`told` is what restore_by_hand.sh is told of it."""

    backup_id: str
    size: int
    told: dict[str, str]


@dataclass(frozen=True)
class Lab:
    there: Restoring
    probe: Probe
    states: Any

    def end_of(self, arn: str) -> dict[str, Any]:
        """BenchError when it failed. Asks once a second: it is the measured machine that answers."""
        while (described := self.describe(arn))["status"] == "RUNNING":
            time.sleep(1)
        return described

    def describe(self, arn: str) -> dict[str, Any]:
        described = dict(self.states.describe_execution(executionArn=arn))
        if described["status"] not in ("RUNNING", "SUCCEEDED"):
            raise BenchError(f"the run ended {described['status']}: {described.get('error')} {described.get('cause')}")
        return described

    def back_up(self) -> Backup:
        """BenchError for one whose database cannot be hashed as its members do."""
        arn = self.states.start_execution(
            stateMachineArn=self.there.info.outputs["StateMachineArn"],
            name=f"bench-{uuid.uuid4()}",
            input=json.dumps({"cluster": CLUSTER}),
        )["executionArn"]
        backup_id = str(json.loads(self.end_of(arn)["output"])["backup_id"])
        services = self.there.services
        manifest, _ = load_manifest(services.reader, CLUSTER, backup_id)
        database = load_report(services.reader, CLUSTER, backup_id).database
        if database.hash_kv is None:
            raise BenchError("the backup has no HashKV: a compaction was half done; run it again")
        told = {
            "URL": services.grants.read_url(manifest.snapshot.key, expires_s=_URL_S).get_secret_value(),
            "COMPRESSION": manifest.snapshot.compression,
            "SHA256": manifest.snapshot.sha256,
            "REVISION": str(database.head.revision),
            "HASH": str(database.hash_kv.hash),
            "KEYS": str(database.live_keys),
        }
        return Backup(backup_id, manifest.snapshot.raw_size, told)


@contextmanager
def lab_of(cluster: RealCluster, folder: Path, note: Console) -> Iterator[Lab]:
    """The stack is deployed into `folder` with IAM enforced; the cluster is registered, reached over SSH."""
    home = embedded.home(folder, TEMPLATE)
    started = stack.up(home, lambda line: note.print(line, markup=False), iam="enforce")
    try:
        session = session_of(started)
        services = AwsServices(Settings.from_outputs(started.outputs), session, started.endpoint)
        secrets = session.client("secretsmanager", endpoint_url=started.endpoint)
        secrets.create_secret(Name=KEY, SecretString=cluster.ssh_secret())
        transport = cluster.ssh_transport(KEY)
        spec = ClusterSpec.model_validate({"id": CLUSTER, "driver": "kubeadm", "transport": transport})
        apply_cluster(services, spec)
        states = session.client("stepfunctions", endpoint_url=started.endpoint)
        with (
            cluster.reach_back(urlsplit(started.endpoint).port or 80),
            Probe(cluster.ssh_config, cluster.nodes) as probe,
        ):
            yield Lab(Restoring(cluster, services, started, CLUSTER), probe, states)
    finally:
        stack.down(home)
