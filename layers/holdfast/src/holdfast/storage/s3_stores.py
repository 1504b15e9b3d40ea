"""From a `StorageSpec` to the adapters of its two buckets: the one place where a store is opened."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from holdfast.aws import client_config
from holdfast.models.storage import Side, StorageSpec, StoreKeys
from holdfast.storage.base import ObjectLocks, UrlUse
from holdfast.storage.ca_file import ca_file
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_client import s3_client
from holdfast.storage.s3_grants import S3Grants
from holdfast.storage.s3_locks import NoLocks, S3Locks
from holdfast.storage.s3_sessions import assumed_session, keyed_session


@dataclass(frozen=True)
class OpenStore:
    """One bucket, in every role that it has. `folder` goes in front of every key, without a slash at its end."""

    bucket: S3Bucket
    grants: S3Grants
    locks: ObjectLocks
    folder: str


class S3Stores:
    """Opens each store once and keeps it, with its connections. May be shared by threads.

    `keys` reads a secret with keys; `endpoint_url` is where the installation's AWS is, None for AWS itself.
    """

    def __init__(
        self, session: boto3.Session, keys: Callable[[str], StoreKeys], *, endpoint_url: str | None = None
    ) -> None:
        self._session = session
        self._keys = keys
        self._endpoint_url = endpoint_url
        self._lock = threading.Lock()
        self._open: dict[tuple[StorageSpec, Side, str], OpenStore] = {}

    def open(self, spec: StorageSpec, side: Side, own_bucket: str) -> OpenStore:
        """`own_bucket` is the stack's, for a spec that names none. Nothing is asked of anybody yet."""
        with self._lock:
            known = self._open.get((spec, side, own_bucket))
            if known is None:
                known = self._opened(spec, side, spec.bucket_of(side) or own_bucket)
                self._open[spec, side, own_bucket] = known
            return known

    def _opened(self, spec: StorageSpec, side: Side, bucket: str) -> OpenStore:
        client = self.client(spec, side)
        headers = spec.encryption.headers(side)
        return OpenStore(
            bucket=S3Bucket(
                client,
                bucket,
                checksums=spec.checksums,
                conditional_puts=spec.conditional_puts,
                encryption=headers,
            ),
            grants=S3Grants(
                client,
                bucket,
                checksums=spec.checksums,
                encryption=headers,
                use=UrlUse(ca=spec.ca or "", proxy=spec.proxy or ""),
            ),
            locks=S3Locks(client, bucket) if spec.object_lock else NoLocks(bucket),
            folder=spec.folder or "",
        )

    def _session_of(self, spec: StorageSpec, side: Side) -> boto3.Session:
        """Who we are at the store. A store of one's own is never asked with what the installation is."""
        role, secret = spec.role_of(side), spec.credentials_of(side)
        if role is not None:
            return assumed_session(self._session, role, endpoint_url=self._endpoint_url)
        return keyed_session(self._session, lambda: self._keys(secret)) if secret else self._session

    def kms_client(self, spec: StorageSpec, side: Side) -> Any:
        """For the key of a bucket at AWS, as whoever writes there."""
        config = client_config(attempts=3)
        session = self._session_of(spec, side)
        return session.client("kms", region_name=spec.region, endpoint_url=self._endpoint_url, config=config)

    def client(self, spec: StorageSpec, side: Side) -> Any:
        """A client of its own for whoever looks at the store itself."""
        return s3_client(
            self._session_of(spec, side),
            spec,
            endpoint_url=self._endpoint_url,
            ca_file=ca_file(spec.ca) if spec.ca else None,
        )
