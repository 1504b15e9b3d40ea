"""The one place that knows every adapter.

Each is imported when it is first asked for: a function that starts an execution does not pay for gRPC.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from holdfast.credentials.base import CredentialStore
from holdfast.etcd.base import EtcdCluster
from holdfast.executions.base import Executions
from holdfast.identity.base import Identity
from holdfast.models.cluster import EtcdTransport, KubernetesTransport, NodeTransport, SshTransport, SsmTransport
from holdfast.models.credentials import EtcdTls
from holdfast.models.storage import StorageSpec
from holdfast.notify.base import Notifier, Postman
from holdfast.schedules.base import Schedules
from holdfast.settings import Settings
from holdfast.signing.base import Signing
from holdfast.state.base import ClusterRegistry, FreshnessNotes, Leases, Runs
from holdfast.storage.base import ObjectLocks, ObjectReader, ObjectRemover, ObjectWriter, UploadGrants
from holdfast.transports.base import Transport
from holdfast.wiring.stores import WiredStores

if TYPE_CHECKING:
    import boto3

    from holdfast.planning.runbook import Buckets
    from holdfast.storage.probing import StoreProbe
    from holdfast.storage.routing import RoutedBucket


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
        from holdfast.aws import client_config

        # As many connections as a look at all clusters has threads (engine/freshness.py).
        config = client_config(connections=16)
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
    def _stores(self) -> WiredStores:
        return WiredStores(
            self._settings,
            self._session,
            clusters=lambda: self.clusters,
            keys=lambda name: self.credentials.store_keys(name),
            endpoint_url=self._endpoint_url,
        )

    @property
    def storage_of(self) -> Callable[[str], StorageSpec]:
        return self._stores.storage_of

    @property
    def default_storage(self) -> StorageSpec:
        return self._settings.storage

    @property
    def buckets(self) -> "Callable[[str], Buckets]":
        return self._stores.names

    @cached_property
    def store_probe(self) -> "StoreProbe":
        return self._stores.probe()

    @cached_property
    def copies(self) -> Callable[[str], ObjectReader | None]:
        return self._stores.copies()

    @cached_property
    def _snapshots(self) -> "RoutedBucket":
        return self._stores.bucket("snapshots")

    @cached_property
    def _secrets(self) -> "RoutedBucket":
        return self._stores.bucket("secrets")

    @property
    def reader(self) -> ObjectReader:
        return self._snapshots

    @property
    def writer(self) -> ObjectWriter:
        return self._snapshots

    @property
    def remover(self) -> ObjectRemover:
        return self._snapshots

    @property
    def secrets_reader(self) -> ObjectReader:
        return self._secrets

    @property
    def secrets_remover(self) -> ObjectRemover:
        return self._secrets

    @cached_property
    def locks(self) -> ObjectLocks:
        return self._stores.locks("snapshots")

    @cached_property
    def secrets_locks(self) -> ObjectLocks:
        return self._stores.locks("secrets")

    @cached_property
    def grants(self) -> UploadGrants:
        return self._stores.grants("snapshots")

    @cached_property
    def secrets_grants(self) -> UploadGrants:
        return self._stores.grants("secrets")

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
