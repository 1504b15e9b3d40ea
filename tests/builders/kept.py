"""A cluster with a real etcd whose backups are kept at one S3 service, through the product's own wiring.

Phases run in this process, commands of the command line too. The table, the secrets and the messages are moto's.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from builders.command_line import Ended, holdfast
from builders.machine import BackupMachine
from builders.moto_aws import TABLE, create_table
from builders.s3_server import SESSION, new_bucket, s3_server, unfinished_uploads
from builders.sites import Site
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.models.cluster import ClusterSpec
from holdfast.models.run import Outcome
from holdfast.settings import Settings
from holdfast.storage.s3 import S3Bucket
from holdfast.wiring import AwsServices

SECRET = "holdfast/interop/etcd"


@dataclass(frozen=True)
class Control:
    """What a stack has beside its buckets, and an etcd to back up."""

    url: str
    topic_arn: str
    etcd: LocalEtcd


@contextmanager
def control(etcd: LocalEtcd) -> Iterator[Control]:
    with s3_server() as url:

        def client(service: str) -> Any:
            return SESSION.client(service, endpoint_url=url)

        create_table(client("dynamodb"))
        tls = {name: getattr(etcd.tls, name).get_secret_value() for name in ("ca", "cert", "key")}
        client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(tls))
        yield Control(url, client("sns").create_topic(Name="holdfast")["TopicArn"], etcd)


class SiteServices(AwsServices):
    """The product's own, with another S3 service than the rest of AWS."""

    def __init__(self, settings: Settings, control: Control, site: Site) -> None:
        super().__init__(settings, SESSION, control.url)
        self._site = site

    @cached_property
    def _s3(self) -> Any:
        return self._site.client()


@dataclass(frozen=True)
class Kept:
    """One cluster, its two buckets (versioned, with Object Lock), and `client` of whoever owns them."""

    control: Control
    site: Site
    settings: Settings
    cluster: str
    client: Any

    @cached_property
    def services(self) -> AwsServices:
        return SiteServices(self.settings, self.control, self.site)

    @property
    def snapshots(self) -> str:
        return self.settings.snapshots_bucket

    def as_seen_by(self, other: Site) -> "Kept":
        """By another user of the same store."""
        return replace(self, site=other)

    def backup(self, at: datetime | None = None, on_phase: Callable[[str], None] = lambda _: None) -> Outcome:
        """`at` is the moment of the schedule, and with it of the backup."""
        return BackupMachine(self.services, on_phase=on_phase).execute(self.cluster, at or datetime.now(UTC))

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

    def versions(self, prefix: str) -> list[str]:
        """Every key below the prefix once for each version and each delete marker."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.snapshots, Prefix=prefix)
        return [
            entry["Key"] for page in pages for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, ())
        ]

    def unfinished(self) -> list[str]:
        return unfinished_uploads(self.client, self.snapshots)


def kept(control: Control, site: Site, **changes: Any) -> Kept:
    """`changes` are top-level fields of the cluster's spec."""
    client, cluster = site.client(), f"c-{uuid.uuid4().hex[:8]}"
    snapshots, secrets = (new_bucket(client, locks=True) for _ in range(2))
    settings = Settings(
        snapshots_bucket=snapshots,
        secrets_bucket=secrets,
        table=TABLE,
        topic_arn=control.topic_arn,
        s3_checksums=site.checksums,
    )
    made = Kept(control, site, settings, cluster, client)
    transport = {"kind": "etcd", "endpoints": list(control.etcd.endpoints), "credentials": SECRET}
    fields: dict[str, Any] = {"id": cluster, "driver": "kubeadm", "transport": transport}
    made.services.clusters.put(ClusterSpec.model_validate(fields | changes), replace=True)
    return made
