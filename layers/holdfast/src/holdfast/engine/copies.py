"""Whether S3's copy of a backup is there, and is what was sealed. HEAD calls, and one GET of the copied manifest."""

import hashlib

from holdfast.engine.catalog import load_manifest
from holdfast.engine.reading import read_if_there
from holdfast.engine.services import Services
from holdfast.errors import PermanentError
from holdfast.models.copies import CopyState
from holdfast.planning.copies import Found, Wanted, judge
from holdfast.planning.naming import MANIFEST, backup_key
from holdfast.storage.base import ObjectInfo, ObjectReader


def copy_state(services: Services, cluster_id: str, backup: str) -> CopyState:
    """Of the snapshot and its manifest; the secrets' copy is in a bucket that nobody of Holdfast may read.

    The errors of storage/base.py for either bucket, and those of engine/catalog.py: load_manifest.
    """
    copies = services.copies(cluster_id)
    if copies is None:
        return CopyState(kind="none", reason="the stack keeps no copies, or the cluster has a store of its own")
    manifest, body = load_manifest(services.reader, cluster_id, backup)
    sealed, key = manifest.snapshot, backup_key(cluster_id, backup, MANIFEST)
    snapshot = Wanted(
        name=sealed.key.rpartition("/")[2],
        size=sealed.size,
        checksum=sealed.checksum,
        replication=services.reader.head(sealed.key).replication,
    )
    told = Wanted(
        name=MANIFEST,
        size=len(body),
        checksum=_sha256(body),
        replication=services.reader.head(key).replication,
    )
    found, copied = _head_if_there(copies, sealed.key), read_if_there(copies, key)
    return judge(
        (
            (told, Found(len(copied), _sha256(copied)) if copied is not None else None),
            (snapshot, Found(found.size, found.checksum) if found else None),
        )
    )


def _sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _head_if_there(reader: ObjectReader, key: str) -> ObjectInfo | None:
    try:
        return reader.head(key)
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        return None
