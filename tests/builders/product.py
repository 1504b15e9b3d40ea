"""The product's own template on the embedded stack, its IAM policies enforced, and a real etcd of three members."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from builders import embedded
from builders.real_etcd import real_snapshot
from builders.waiting import wait_for
from holdfast.engine.clusters import apply_cluster
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.stack import StackInfo
from holdfast.models.cluster import ClusterSpec
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

TEMPLATE = embedded.PROJECT / "template.yaml"
DEADLINE_S = 120


@dataclass
class Product:
    info: StackInfo
    etcd: LocalEtcd
    services: AwsServices
    iam_log: Path

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.info.endpoint)

    @property
    def session(self) -> boto3.Session:
        return session_of(self.info)

    @property
    def bucket(self) -> str:
        return self.info.outputs["SnapshotsBucket"]

    def apply(self, cluster_id: str, **changes: Any) -> ClusterSpec:
        """Register the local etcd under this id, with its client certificate in Secrets Manager."""
        secret = f"holdfast/{cluster_id}/etcd"
        tls = self.etcd.tls
        value = {name: getattr(tls, name).get_secret_value() for name in ("ca", "cert", "key")}
        self.client("secretsmanager").create_secret(
            Name=secret, SecretString=json.dumps(value), KmsKeyId=self.info.outputs["SecretsKeyArn"]
        )
        transport = {"kind": "etcd", "endpoints": list(self.etcd.endpoints), "credentials": secret}
        fields: dict[str, Any] = {"id": cluster_id, "driver": "kubeadm", "transport": transport}
        spec = ClusterSpec.model_validate(fields | changes)
        apply_cluster(self.services, spec)
        return spec

    def start(self, payload: str, name: str = "") -> str:
        """Start the state machine as the console does; the execution's ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.info.outputs["StateMachineArn"], name=name or f"console-{uuid.uuid4()}", input=payload
        )
        return str(started["executionArn"])

    def end_of(self, execution: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            described = self.client("stepfunctions").describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else dict(described)

        return wait_for(ended, f"the end of {execution}", DEADLINE_S)

    def run(self, cluster_id: str) -> dict[str, Any]:
        return self.end_of(self.start(json.dumps({"cluster": cluster_id})))

    def unfinished_uploads(self, cluster_id: str) -> list[str]:
        answer = self.client("s3").list_multipart_uploads(Bucket=self.bucket, Prefix=f"{cluster_id}/")
        return [upload["Key"] for upload in answer.get("Uploads", [])]


def session_of(info: StackInfo) -> boto3.Session:
    environment = info.environment
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=info.region,
    )


def product_on(info: StackInfo, etcd: LocalEtcd, iam_log: Path) -> Product:
    services = AwsServices(Settings.from_outputs(info.outputs), session_of(info), info.endpoint)
    return Product(info, etcd, services, iam_log)


def etcd_from_real_snapshot(folder: Path) -> LocalEtcd:
    snapshot = folder / "source.db"
    snapshot.write_bytes(real_snapshot("a"))
    return LocalEtcd.start(folder / "etcd", snapshot=snapshot)


def now() -> datetime:
    return datetime.now(UTC)
