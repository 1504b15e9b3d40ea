"""The one place that knows every adapter.

Each is imported when it is first asked for: a function that starts an execution does not pay for gRPC.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from holdfast.credentials.base import CredentialStore
from holdfast.errors import PermanentError
from holdfast.etcd.base import EtcdCluster
from holdfast.executions.base import Executions
from holdfast.identity.base import Identity
from holdfast.models.cluster import EtcdTransport, KubernetesTransport, NodeTransport, SshTransport, SsmTransport
from holdfast.models.credentials import EtcdTls
from holdfast.models.storage import Side, StorageSpec
from holdfast.notify.base import Notifier, Postman
from holdfast.schedules.base import Schedules
from holdfast.settings import Settings
from holdfast.signing.base import Signing
from holdfast.state.base import ClusterRegistry, FreshnessNotes, Leases, Runs
from holdfast.storage.base import ObjectLocks, ObjectReader, ObjectRemover, ObjectWriter, UploadGrants
from holdfast.transports.base import Transport

if TYPE_CHECKING:
    import boto3

    from holdfast.models.storage import StoreKeys
    from holdfast.planning.runbook import Buckets
    from holdfast.storage.probing import StoreProbe
    from holdfast.storage.routing import RoutedBucket
    from holdfast.storage.s3_stores import OpenStore, S3Stores


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AwsServices:
    """`Services` over boto3. The session's own configuration (profile, region, AWS_ENDPOINT_URL) is honoured."""

    def __init__(
        self, settings: Settings, session: "boto3.Session | None" = None, endpoint_url: str | None = None
    ) -> None:
        self._settings = settings
        self._given_session = session
        self._endpoint_url = endpoint_url

    @cached_property
    def _session(self) -> "boto3.Session":
        import boto3

        return self._given_session or boto3.Session()

    def _client(self, service: str) -> Any:
        from botocore.config import Config

        # As many connections as a look at all clusters has threads (engine/freshness.py).
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=16,
        )
        return self._session.client(service, endpoint_url=self._endpoint_url, config=config)

    @cached_property
    def _dynamodb(self) -> Any:
        return self._client("dynamodb")

    @property
    def clock(self) -> Callable[[], datetime]:
        return _utc_now

    @property
    def etcd(self) -> Callable[[EtcdTransport | KubernetesTransport, EtcdTls], EtcdCluster]:
        return self._etcd

    def _etcd(self, transport: EtcdTransport | KubernetesTransport, tls: EtcdTls) -> EtcdCluster:
        if isinstance(transport, KubernetesTransport):
            from holdfast.transports.kubernetes.etcd import kubernetes_etcd

            return kubernetes_etcd(transport, self.credentials.kubernetes(transport.credentials), tls)
        from holdfast.etcd.client import GrpcEtcdCluster

        return GrpcEtcdCluster(transport.endpoints, tls, server_name=transport.server_name)

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        return self._nodes

    def _nodes(self, transport: NodeTransport) -> Transport:
        if isinstance(transport, SsmTransport):
            from holdfast.transports.ssm.transport import SsmNodes

            return SsmNodes(transport, self._client("ssm"))
        if isinstance(transport, SshTransport):
            from holdfast.transports.ssh.transport import SshNodes

            key = self.credentials.ssh_key(transport.credentials)
            jump = transport.jump
            jump_key = self.credentials.ssh_key(jump.credentials) if jump and jump.credentials else key
            return SshNodes(transport, key, jump_key)
        from holdfast.transports.kubernetes.transport import KubernetesNodes

        return KubernetesNodes(transport, self.credentials.kubernetes(transport.credentials))

    @cached_property
    def clusters(self) -> ClusterRegistry:
        from holdfast.state.dynamodb import DynamoClusters

        return DynamoClusters(self._dynamodb, self._settings.require("table"))

    @cached_property
    def leases(self) -> Leases:
        from holdfast.state.dynamodb import DynamoLeases

        return DynamoLeases(self._dynamodb, self._settings.require("table"))

    @cached_property
    def runs(self) -> Runs:
        from holdfast.state.dynamodb import DynamoRuns

        return DynamoRuns(self._dynamodb, self._settings.require("table"))

    @cached_property
    def freshness_notes(self) -> FreshnessNotes:
        from holdfast.state.dynamodb import DynamoFreshnessNotes

        return DynamoFreshnessNotes(self._dynamodb, self._settings.require("table"))

    @cached_property
    def _stores(self) -> "S3Stores":
        from holdfast.storage.s3_stores import S3Stores

        return S3Stores(self._session, self._store_keys, endpoint_url=self._endpoint_url)

    def _store_keys(self, name: str) -> "StoreKeys":
        return self.credentials.store_keys(name)

    @cached_property
    def storage_of(self) -> Callable[[str], StorageSpec]:
        from holdfast.storage.routing import KnownSpecs

        return KnownSpecs(self._storage_of)

    def _storage_of(self, cluster_id: str) -> StorageSpec:
        """The cluster's own or the installation's. A cluster that was removed has none of its own any more."""
        try:
            own = self.clusters.get(cluster_id).storage
        except PermanentError as error:
            if error.code != "cluster_unknown":
                raise
            own = None
        return own or self._settings.storage

    def _side(self, side: Side) -> Callable[[str], "OpenStore"]:
        """Where a cluster has that side's objects. Asks for the settings now, so that a missing one is named early."""
        own_bucket = self._settings.require(f"{side}_bucket")
        self._settings.require("table")
        return lambda cluster_id: self._stores.open(self.storage_of(cluster_id), side, own_bucket)

    def _bucket(self, side: Side) -> "RoutedBucket":
        from holdfast.storage.routing import Place, RoutedBucket

        open_store = self._side(side)

        def place_of(cluster_id: str) -> Place[Any]:
            store = open_store(cluster_id)
            return Place(store.bucket, store.folder)

        return RoutedBucket(place_of)

    def _grants(self, side: Side) -> UploadGrants:
        from holdfast.storage.routing import Place, RoutedGrants

        open_store = self._side(side)

        def place_of(cluster_id: str) -> Place[UploadGrants]:
            store = open_store(cluster_id)
            return Place(store.grants, store.folder)

        return RoutedGrants(place_of)

    @cached_property
    def _snapshots(self) -> "RoutedBucket":
        return self._bucket("snapshots")

    @cached_property
    def _secrets(self) -> "RoutedBucket":
        return self._bucket("secrets")

    def _locks(self, side: Side) -> ObjectLocks:
        from holdfast.storage.routing import Place, RoutedLocks

        open_store = self._side(side)

        def place_of(cluster_id: str) -> Place[ObjectLocks]:
            store = open_store(cluster_id)
            return Place(store.locks, store.folder)

        return RoutedLocks(place_of)

    @cached_property
    def locks(self) -> ObjectLocks:
        return self._locks("snapshots")

    @cached_property
    def secrets_locks(self) -> ObjectLocks:
        return self._locks("secrets")

    @cached_property
    def grants(self) -> UploadGrants:
        return self._grants("snapshots")

    @cached_property
    def secrets_grants(self) -> UploadGrants:
        return self._grants("secrets")

    @property
    def default_storage(self) -> StorageSpec:
        return self._settings.storage

    @cached_property
    def store_probe(self) -> "StoreProbe":
        from holdfast.storage.s3_probing import S3Probe

        own: dict[Side, str] = {
            "snapshots": self._settings.require("snapshots_bucket"),
            "secrets": self._settings.require("secrets_bucket"),
        }
        return S3Probe(self._stores, own, self._stores.kms_client)

    @property
    def buckets(self) -> "Callable[[str], Buckets]":
        from holdfast.planning.runbook import buckets_of

        own = self._settings.require("snapshots_bucket"), self._settings.require("secrets_bucket")
        return lambda cluster_id: buckets_of(self.storage_of(cluster_id), *own)

    @property
    def secrets_reader(self) -> ObjectReader:
        return self._secrets

    @property
    def secrets_remover(self) -> ObjectRemover:
        return self._secrets

    @property
    def reader(self) -> ObjectReader:
        return self._snapshots

    @property
    def writer(self) -> ObjectWriter:
        return self._snapshots

    @property
    def remover(self) -> ObjectRemover:
        return self._snapshots

    @cached_property
    def credentials(self) -> CredentialStore:
        from holdfast.credentials.secretsmanager import SecretsManagerCredentials

        return SecretsManagerCredentials(self._client("secretsmanager"))

    @cached_property
    def schedules(self) -> Schedules:
        from holdfast.schedules.eventbridge import EventBridgeSchedules

        return EventBridgeSchedules(
            self._client("scheduler"),
            group=self._settings.require("schedule_group"),
            target_arn=self._settings.require("start_function_arn"),
            role_arn=self._settings.require("schedule_role_arn"),
        )

    def _executions(self, setting: str) -> Executions:
        from holdfast.executions.stepfunctions import StepFunctionsExecutions

        return StepFunctionsExecutions(self._client("stepfunctions"), self._settings.require(setting))

    @cached_property
    def executions(self) -> Executions:
        return self._executions("state_machine_arn")

    @cached_property
    def changes(self) -> Executions:
        return self._executions("restore_machine_arn")

    @cached_property
    def copies(self) -> Callable[[str], ObjectReader | None]:
        from holdfast.storage.routing import Place, RoutedBucket
        from holdfast.storage.s3 import S3Bucket
        from holdfast.storage.s3_client import s3_client

        name, region = self._settings.copy_bucket, self._settings.copy_region or None
        if not name:
            return lambda _: None
        client = s3_client(self._session, endpoint_url=self._endpoint_url, region=region)
        bucket = S3Bucket(client, name, checksums=self._settings.storage.checksums)

        def copy_of(cluster_id: str) -> ObjectReader | None:
            spec = self.storage_of(cluster_id)
            return None if spec.bucket else RoutedBucket(lambda _: Place(bucket, spec.folder or ""))

        return copy_of

    @cached_property
    def signing(self) -> Signing:
        from holdfast.signing.kms import KmsSigningKey
        from holdfast.signing.public_keys import read_trusted

        arn = self._settings.signing_key_arn
        key = KmsSigningKey(self._client("kms"), arn) if arn else None
        return Signing(key=key, trusted=read_trusted(self._settings.trusted_keys))

    @cached_property
    def identity(self) -> Identity:
        from holdfast.identity.sts import StsIdentity

        return StsIdentity(self._client("sts"))

    @property
    def four_eyes(self) -> bool:
        return self._settings.four_eyes == "yes"

    @cached_property
    def notifier(self) -> Notifier:
        from holdfast.notify.aws import AwsNotifier

        return AwsNotifier(
            self._client("events"),
            self._client("sns"),
            bus=self._settings.require("event_bus"),
            topic_arn=self._settings.require("topic_arn"),
        )

    @property
    def postman(self) -> Postman:
        from holdfast.notify.https import HttpsPostman

        return HttpsPostman()
