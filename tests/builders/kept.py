"""A cluster with a real etcd whose backups are kept at one S3 service, through the product's own wiring.

Phases run in this process, commands of the command line too. The table, the secrets, the key that signs manifests and
the messages are LocalStack's.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from builders.command_line import Ended, holdfast
from builders.machine import BackupMachine
from builders.moto_aws import TABLE, create_table
from builders.s3_server import SESSION, new_bucket, unfinished_uploads
from builders.sites import Site
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.models.cluster import ClusterSpec
from holdfast.models.retention import RetentionSpec
from holdfast.models.run import Outcome
from holdfast.planning.naming import MANIFEST, backup_key, backup_prefix
from holdfast.settings import Settings
from holdfast.storage.s3 import S3Bucket
from holdfast.wiring import AwsServices

SECRET = "holdfast/interop/etcd"


@dataclass(frozen=True)
class Control:
    """What a stack has beside its buckets, and an etcd to back up."""

    url: str
    settings: Settings
    etcd: LocalEtcd

    def client(self, service: str) -> Any:
        return SESSION.client(service, endpoint_url=self.url)

    def put_secret(self, name: str, value: str) -> None:
        self.client("secretsmanager").create_secret(Name=name, SecretString=value)


def control(etcd: LocalEtcd, url: str) -> Control:
    """Made at `url`, a LocalStack: moto's KMS signs something else than it is asked to."""
    made = Control(url, Settings(), etcd)
    create_table(made.client("dynamodb"))
    key = made.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    topic = made.client("sns").create_topic(Name="holdfast")["TopicArn"]
    tls = {name: getattr(etcd.tls, name).get_secret_value() for name in ("ca", "cert", "key")}
    made.put_secret(SECRET, json.dumps(tls))
    stack = {"snapshots_bucket": "of-the-stack", "secrets_bucket": "of-the-stack-too"}
    return replace(made, settings=Settings(table=TABLE, topic_arn=topic, signing_key_arn=key, **stack))


@dataclass(frozen=True)
class Kept:
    """One cluster, its two buckets (versioned, with Object Lock), and `client` of whoever owns them."""

    control: Control
    site: Site
    spec: ClusterSpec
    client: Any

    @cached_property
    def services(self) -> AwsServices:
        return AwsServices(self.control.settings, SESSION, self.control.url)

    @property
    def cluster(self) -> str:
        return self.spec.id

    @property
    def snapshots(self) -> str:
        return str(self.spec.storage and self.spec.storage.bucket)

    @property
    def secrets(self) -> str:
        return str(self.spec.storage and self.spec.storage.secrets_bucket)

    def as_seen_by(self, other: Site) -> "Kept":
        """With another user's keys in the secret: the same cluster, as this user finds it."""
        name = str(self.spec.storage and self.spec.storage.credentials)
        self.control.client("secretsmanager").put_secret_value(SecretId=name, SecretString=other.keys)
        return replace(self, site=other)

    def backup(
        self,
        at: datetime | None = None,
        *,
        on_phase: Callable[[str], None] = lambda _: None,
        on_wait: Callable[[int], None] = lambda _: None,
    ) -> Outcome:
        """`at` is the moment of the schedule, and with it of the backup."""
        machine = BackupMachine(self.services, on_phase=on_phase, on_wait=on_wait)
        return machine.execute(self.cluster, at or datetime.now(UTC))

    def holdfast(self, *arguments: str) -> Ended:
        return holdfast(*arguments, "-o", "json", services=self.services)

    def listed(self) -> list[Any]:
        """As `holdfast backup list` shows it."""
        ended = self.holdfast("backup", "list", self.cluster)
        assert ended.code == 0, ended.stderr
        return list(ended.value["backups"])

    def stored(self) -> list[str]:
        """Every key that has an object."""
        return [info.key for info in S3Bucket(self.client, self.snapshots).list("")]

    def keys_of(self, backup: str) -> list[str]:
        return [info.key for info in self.services.reader.list(backup_prefix(self.cluster, backup))]

    def manifest_key(self, backup: str) -> str:
        return backup_key(self.cluster, backup, MANIFEST)

    def protected(self, backup: str) -> list[Any]:
        """What `holdfast backup show` says of holds and locks."""
        return list(self.holdfast("backup", "show", self.cluster, backup).value["locks"])

    def with_rule(self, **retention: Any) -> "Kept":
        """From now on under another rule."""
        spec = self.spec.model_copy(update={"retention": RetentionSpec.model_validate(retention)})
        self.services.clusters.put(spec, replace=True)
        return replace(self, spec=spec)

    def versions(self, prefix: str) -> list[str]:
        """Every key below the prefix once for each version and each delete marker."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.snapshots, Prefix=prefix)
        return [
            entry["Key"] for page in pages for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, ())
        ]

    def unfinished(self) -> list[str]:
        return unfinished_uploads(self.client, self.snapshots)


def kept(control: Control, site: Site, *, storage: dict[str, Any] | None = None, **changes: Any) -> Kept:
    """`changes` are top-level fields of the cluster's file, `storage` is what its storage says beyond the place."""
    client, cluster = site.client(), f"c-{uuid.uuid4().hex[:8]}"
    snapshots, secrets = (new_bucket(client, locks=True) for _ in range(2))
    credentials = {
        "credentials": f"holdfast-store/{cluster}",
        "secrets_credentials": f"holdfast-store-secrets/{cluster}",
    }
    for name in credentials.values():
        control.put_secret(name, site.keys)
    fields: dict[str, Any] = {
        "id": cluster,
        "driver": "kubeadm",
        "transport": {"kind": "etcd", "endpoints": list(control.etcd.endpoints), "credentials": SECRET},
        "storage": site.storage(bucket=snapshots, secrets_bucket=secrets, **credentials, **(storage or {})),
    }
    made = Kept(control, site, ClusterSpec.model_validate(fields | changes), client)
    made.services.clusters.put(made.spec, replace=True)
    return made
