"""What use-cases are given. wiring/ builds it from AWS, tests build it from the shipped doubles."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from holdfast.credentials.base import CredentialStore
from holdfast.etcd.base import EtcdCluster
from holdfast.executions.base import Executions
from holdfast.identity.base import Identity
from holdfast.models.cluster import EtcdTransport, KubernetesTransport, NodeTransport
from holdfast.models.credentials import EtcdTls
from holdfast.models.storage import StorageSpec
from holdfast.notify.base import Notifier, Postman
from holdfast.schedules.base import Schedules
from holdfast.signing.base import Signing
from holdfast.state.base import ClusterRegistry, FreshnessNotes, Leases, Runs
from holdfast.storage.base import ObjectLocks, ObjectReader, ObjectRemover, ObjectWriter, UploadGrants
from holdfast.storage.probing import StoreProbe
from holdfast.transports.base import Transport

if TYPE_CHECKING:
    from holdfast.planning.runbook import Buckets


class Services(Protocol):
    """Each property is built when it is first asked for: a function pays for what it uses, and needs no more rights."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The current moment, in UTC."""

    @property
    def clusters(self) -> ClusterRegistry: ...

    @property
    def leases(self) -> Leases: ...

    @property
    def runs(self) -> Runs: ...

    @property
    def freshness_notes(self) -> FreshnessNotes: ...

    @property
    def reader(self) -> ObjectReader: ...

    @property
    def writer(self) -> ObjectWriter: ...

    @property
    def remover(self) -> ObjectRemover: ...

    @property
    def credentials(self) -> CredentialStore: ...

    @property
    def schedules(self) -> Schedules: ...

    @property
    def executions(self) -> Executions:
        """Of the backup state machine."""

    @property
    def changes(self) -> Executions:
        """Of the restore state machine, which also replaces members."""

    @property
    def notifier(self) -> Notifier: ...

    @property
    def postman(self) -> Postman: ...

    @property
    def identity(self) -> Identity:
        """Whose credentials these are."""

    @property
    def four_eyes(self) -> bool:
        """Whether a restore needs another person than the one who asked for it."""

    @property
    def grants(self) -> UploadGrants:
        """Presigned URLs for the snapshots bucket."""

    @property
    def secrets_grants(self) -> UploadGrants: ...

    @property
    def secrets_reader(self) -> ObjectReader: ...

    @property
    def secrets_remover(self) -> ObjectRemover: ...

    @property
    def locks(self) -> ObjectLocks:
        """Of the snapshots bucket."""

    @property
    def secrets_locks(self) -> ObjectLocks: ...

    @property
    def copies(self) -> Callable[[str], ObjectReader | None]:
        """Where S3 copies the snapshots of a cluster to; None for one that is not copied."""

    @property
    def default_storage(self) -> StorageSpec:
        """The installation's, for clusters that have none of their own."""

    @property
    def store_probe(self) -> StoreProbe:
        """Looks at a store before backups rely on it."""

    @property
    def signing(self) -> Signing:
        """What signs manifests, and whose signatures count."""

    @property
    def buckets(self) -> "Callable[[str], Buckets]":
        """A cluster's buckets by name, for a page that a person follows."""

    @property
    def etcd(self) -> Callable[[EtcdTransport | KubernetesTransport, EtcdTls], EtcdCluster]:
        """gRPC to the members: directly, or through the cluster's API."""

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        """Commands on the nodes. Closed by whoever asked for it."""
