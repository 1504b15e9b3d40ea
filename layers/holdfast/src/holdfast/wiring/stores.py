"""Where each cluster has its objects: adapters that look at a key and take the store of the cluster it names."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from holdfast.errors import PermanentError
from holdfast.models.storage import Side, StorageSpec, StoreKeys
from holdfast.settings import Settings
from holdfast.state.base import ClusterRegistry
from holdfast.storage.base import ObjectLocks, ObjectReader, UploadGrants

if TYPE_CHECKING:
    import boto3

    from holdfast.planning.runbook import Buckets
    from holdfast.storage.probing import StoreProbe
    from holdfast.storage.routing import Place, RoutedBucket
    from holdfast.storage.s3_stores import OpenStore, S3Stores


class WiredStores:
    """`clusters` and `keys` are asked for when a key of a cluster comes, not before: few functions need them."""

    def __init__(
        self,
        settings: Settings,
        session: "boto3.Session",
        *,
        clusters: Callable[[], ClusterRegistry],
        keys: Callable[[str], StoreKeys],
        endpoint_url: str | None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._clusters = clusters
        self._keys = keys
        self._endpoint_url = endpoint_url

    @cached_property
    def storage_of(self) -> Callable[[str], StorageSpec]:
        from holdfast.storage.routing import KnownSpecs

        return KnownSpecs(self._storage_of)

    def _storage_of(self, cluster_id: str) -> StorageSpec:
        """The cluster's own or the installation's. A cluster that was removed has none of its own any more."""
        try:
            own = self._clusters().get(cluster_id).storage
        except PermanentError as error:
            if error.code != "cluster_unknown":
                raise
            own = None
        return own or self._settings.storage

    @cached_property
    def _opened(self) -> "S3Stores":
        from holdfast.storage.s3_stores import S3Stores

        return S3Stores(self._session, self._keys, endpoint_url=self._endpoint_url)

    def _places[Part](self, side: Side, part: "Callable[[OpenStore], Part]") -> "Callable[[str], Place[Part]]":
        """Asks for the settings now, so that a missing one is named early."""
        from holdfast.storage.routing import Place

        own_bucket = self._settings.require(f"{side}_bucket")
        self._settings.require("table")

        def place_of(cluster_id: str) -> "Place[Part]":
            store = self._opened.open(self.storage_of(cluster_id), side, own_bucket)
            return Place(part(store), store.folder)

        return place_of

    def bucket(self, side: Side) -> "RoutedBucket":
        from holdfast.storage.routing import RoutedBucket

        places: Callable[[str], Place[Any]] = self._places(side, lambda store: store.bucket)
        return RoutedBucket(places)

    def grants(self, side: Side) -> UploadGrants:
        from holdfast.storage.routing import RoutedGrants

        return RoutedGrants(self._places(side, lambda store: store.grants))

    def locks(self, side: Side) -> ObjectLocks:
        from holdfast.storage.routing import RoutedLocks

        return RoutedLocks(self._places(side, lambda store: store.locks))

    def probe(self) -> "StoreProbe":
        from holdfast.storage.s3_probing import S3Probe

        own: dict[Side, str] = {
            "snapshots": self._settings.require("snapshots_bucket"),
            "secrets": self._settings.require("secrets_bucket"),
        }
        return S3Probe(self._opened, own, self._opened.kms_client)

    @property
    def names(self) -> "Callable[[str], Buckets]":
        from holdfast.planning.runbook import buckets_of

        own = self._settings.require("snapshots_bucket"), self._settings.require("secrets_bucket")
        return lambda cluster_id: buckets_of(self.storage_of(cluster_id), *own)

    def copies(self) -> Callable[[str], ObjectReader | None]:
        """The bucket with the copies, None for a cluster whose objects are not in the stack's own."""
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
