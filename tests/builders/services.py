"""`Services` from the shipped doubles, with one small cluster whose etcd is a double that serves a real database."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from builders.bolt_writer import etcd_database, put, signed
from builders.etcd_facts import etcd_facts
from builders.specs import cluster_spec
from holdfast.credentials.memory import MemoryCredentials
from holdfast.etcd.base import EtcdCluster
from holdfast.etcd.memory import FakeEtcdCluster
from holdfast.executions.memory import MemoryExecutions
from holdfast.identity.memory import MemoryIdentity
from holdfast.local.pki import issue_ca
from holdfast.models.cluster import ClusterSpec, EtcdTransport, KubernetesTransport, NodeTransport
from holdfast.models.credentials import EtcdTls
from holdfast.models.storage import StorageSpec
from holdfast.notify.memory import MemoryNotifier, MemoryPostman
from holdfast.planning.runbook import Buckets
from holdfast.schedules.memory import MemorySchedules
from holdfast.signing.base import Signing
from holdfast.signing.memory import MemorySigningKey
from holdfast.state.memory import MemoryClusters, MemoryFreshnessNotes, MemoryLeases, MemoryRuns
from holdfast.storage.base import Bucket, ObjectLocks
from holdfast.storage.faulty import FaultyBucket, FaultyLocks
from holdfast.storage.memory import MemoryBucket
from holdfast.storage.memory_grants import MemoryGrants
from holdfast.storage.probing import MemoryProbe
from holdfast.transports.base import Transport

START = datetime(2026, 11, 20, 15, 43, 0, tzinfo=UTC)


class Clock:
    """A clock that a test moves; every look moves it by a millisecond, so that durations are never zero."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


def small_snapshot() -> bytes:
    """A few Kubernetes keys in a database that the reader accepts, with its hash."""
    records = [put(number, f"/registry/configmaps/default/c{number}".encode(), b"x" * 900) for number in range(2, 40)]
    return signed(etcd_database(records))


@dataclass
class MemoryServices:
    """`bucket` is what tests look into; `store` is what the engine sees, and may be a FaultyBucket around it."""

    clock: Clock = field(default_factory=Clock)
    clusters: MemoryClusters = field(default_factory=MemoryClusters)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    freshness_notes: MemoryFreshnessNotes = field(default_factory=MemoryFreshnessNotes)
    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    store: Bucket | None = None
    secrets: MemoryBucket = field(default_factory=lambda: MemoryBucket("secrets"))
    credentials: MemoryCredentials = field(default_factory=MemoryCredentials)
    schedules: MemorySchedules = field(default_factory=MemorySchedules)
    executions: MemoryExecutions = field(default_factory=MemoryExecutions)
    changes: MemoryExecutions = field(default_factory=MemoryExecutions)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    postman: MemoryPostman = field(default_factory=MemoryPostman)
    identity: MemoryIdentity = field(default_factory=MemoryIdentity)
    four_eyes: bool = False
    member: FakeEtcdCluster = field(
        default_factory=lambda: FakeEtcdCluster(known=etcd_facts(), snapshot_file=small_snapshot())
    )

    copied: MemoryBucket | None = None
    signing: Signing = field(default_factory=lambda: Signing(MemorySigningKey()))
    store_probe: MemoryProbe = field(default_factory=MemoryProbe)
    default_storage: StorageSpec = field(default_factory=StorageSpec)
    transport: Transport | None = None

    @property
    def buckets(self) -> Callable[[str], Buckets]:
        return lambda _cluster_id: Buckets("snapshots", "secrets")

    @cached_property
    def grants(self) -> MemoryGrants:
        return MemoryGrants(self.bucket, clock=self.clock)

    @cached_property
    def secrets_grants(self) -> MemoryGrants:
        return MemoryGrants(self.secrets, clock=self.clock)

    @property
    def copies(self) -> Callable[[str], MemoryBucket | None]:
        return lambda _: self.copied

    @property
    def secrets_reader(self) -> MemoryBucket:
        return self.secrets

    secrets_remover = secrets_reader

    @property
    def locks(self) -> ObjectLocks:
        return FaultyLocks(self.store, self.bucket) if isinstance(self.store, FaultyBucket) else self.bucket

    @property
    def secrets_locks(self) -> MemoryBucket:
        return self.secrets

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        """The one transport of the test, whatever the spec says."""

        def transport(_spec: NodeTransport) -> Transport:
            assert self.transport, "the test reaches no nodes"
            return self.transport

        return transport

    @property
    def _store(self) -> Bucket:
        return self.store or self.bucket

    reader = writer = remover = _store

    @property
    def etcd(self) -> Callable[[EtcdTransport | KubernetesTransport, EtcdTls], EtcdCluster]:
        return lambda _transport, _tls: self.member


def client_secret() -> str:
    ca = issue_ca()
    client = ca.issue_client()
    return json.dumps({"ca": ca.certificate, "cert": client.certificate, "key": client.key})


_SECRET = client_secret()


def services_with(spec: ClusterSpec | None = None) -> MemoryServices:
    """With one registered cluster, "prod-1" unless given, and its secret."""
    services = MemoryServices()
    spec = spec or cluster_spec()
    if isinstance(spec.transport, EtcdTransport):
        services.credentials.put(spec.transport.credentials, _SECRET)
    services.clusters.put(spec, replace=True)
    return services
