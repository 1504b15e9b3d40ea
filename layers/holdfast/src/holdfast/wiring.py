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
from holdfast.models.cluster import EtcdTransport
from holdfast.models.credentials import EtcdTls
from holdfast.notify.base import Notifier
from holdfast.schedules.base import Schedules
from holdfast.settings import Settings
from holdfast.state.base import ClusterRegistry, Leases, Runs

if TYPE_CHECKING:
    import boto3

    from holdfast.storage.s3 import S3Bucket


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _etcd(transport: EtcdTransport, tls: EtcdTls) -> EtcdCluster:
    from holdfast.etcd.client import GrpcEtcdCluster

    return GrpcEtcdCluster(transport.endpoints, tls, server_name=transport.server_name)


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

        config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
        return self._session.client(service, endpoint_url=self._endpoint_url, config=config)

    @cached_property
    def _dynamodb(self) -> Any:
        return self._client("dynamodb")

    @property
    def clock(self) -> Callable[[], datetime]:
        return _utc_now

    @property
    def etcd(self) -> Callable[[EtcdTransport, EtcdTls], EtcdCluster]:
        return _etcd

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
    def _snapshots(self) -> "S3Bucket":
        from holdfast.storage.s3 import S3Bucket
        from holdfast.storage.s3_client import s3_client

        checksums = self._settings.s3_checksums
        client = s3_client(self._session, endpoint_url=self._endpoint_url, checksums=checksums)
        return S3Bucket(client, self._settings.require("snapshots_bucket"), checksums=checksums)

    @property
    def reader(self) -> "S3Bucket":
        return self._snapshots

    @property
    def writer(self) -> "S3Bucket":
        return self._snapshots

    @property
    def remover(self) -> "S3Bucket":
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

    @cached_property
    def executions(self) -> Executions:
        from holdfast.executions.stepfunctions import StepFunctionsExecutions

        return StepFunctionsExecutions(self._client("stepfunctions"), self._settings.require("state_machine_arn"))

    @cached_property
    def notifier(self) -> Notifier:
        from holdfast.notify.aws import AwsNotifier

        return AwsNotifier(
            self._client("events"),
            self._client("sns"),
            bus=self._settings.require("event_bus"),
            topic_arn=self._settings.require("topic_arn"),
        )
