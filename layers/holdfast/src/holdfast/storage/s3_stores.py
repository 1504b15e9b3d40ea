"""From a `StorageSpec` to the adapters of its two buckets: the one place where a store is opened."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from holdfast.models.storage import Side, StorageSpec, StoreKeys
from holdfast.storage.base import ObjectLocks, UrlUse
from holdfast.storage.ca_file import ca_file
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_client import identity_of, s3_client
from holdfast.storage.s3_grants import S3Grants
from holdfast.storage.s3_locks import NoLocks, S3Locks
from holdfast.storage.s3_role import assumed_session

# Keys in a secret may be renewed; a client that was built of the old ones is not used for longer than this, seconds.
KEYS_LIFE_S = 300


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
        self,
        session: boto3.Session,
        keys: Callable[[str], StoreKeys],
        *,
        endpoint_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._keys = keys
        self._endpoint_url = endpoint_url
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[tuple[StorageSpec, Side, str], tuple[float, OpenStore]] = {}

    def open(self, spec: StorageSpec, side: Side, own_bucket: str) -> OpenStore:
        """`own_bucket` is the stack's, for a spec that names none. Also the errors of reading the secret with keys."""
        with self._lock:
            known = self._open.get((spec, side, own_bucket))
            if known is not None and (spec.credentials is None or self._clock() - known[0] < KEYS_LIFE_S):
                return known[1]
            store = self._opened(spec, side, spec.bucket_of(side) or own_bucket)
            self._open[spec, side, own_bucket] = (self._clock(), store)
            return store

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
        role = spec.role_of(side)
        return assumed_session(self._session, role, endpoint_url=self._endpoint_url) if role else self._session

    def kms_client(self, spec: StorageSpec, side: Side) -> Any:
        """For the key of a bucket at AWS, as whoever writes there."""
        secret = spec.credentials_of(side)
        config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
        return self._session_of(spec, side).client(
            "kms",
            region_name=spec.region,
            endpoint_url=self._endpoint_url,
            config=config,
            **identity_of(self._keys(secret) if secret else None),
        )

    def client(self, spec: StorageSpec, side: Side) -> Any:
        """A client of its own for whoever looks at the store itself."""
        secret = spec.credentials_of(side)
        return s3_client(
            self._session_of(spec, side),
            spec,
            endpoint_url=self._endpoint_url,
            ca_file=ca_file(spec.ca) if spec.ca else None,
            keys=self._keys(secret) if secret else None,
        )
