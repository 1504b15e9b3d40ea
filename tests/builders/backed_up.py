"""Services that hold exactly one finished backup, and a manifest that a test may rewrite."""

import hashlib
import io
import json
from datetime import UTC, datetime
from typing import Any

from builders.compressed import packed
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.engine.catalog import list_backups, load_manifest
from holdfast.engine.indexing import index, remove_names, tell_verified
from holdfast.engine.inspect import unpack_stream
from holdfast.engine.signing import put_signature
from holdfast.engine.verification import load_report
from holdfast.models.backup import Manifest, SecretsBundle
from holdfast.models.node import Certificate
from holdfast.planning.naming import GZIPPED_SNAPSHOT, MANIFEST, VERIFIED, backup_key, bundle_key

CLUSTER = "prod-1"


def one_backup() -> MemoryServices:
    services = services_with()
    assert BackupMachine(services).execute(CLUSTER, START).status == "succeeded"
    return services


def only_backup(services: MemoryServices) -> str:
    (entry,) = list_backups(services.bucket, CLUSTER)
    return entry.backup_id


def unverified(services: MemoryServices, backup: str) -> None:
    """As if it had only been sealed, for the catalogue too."""
    services.bucket.remove([backup_key(CLUSTER, backup, VERIFIED)])
    remove_names(services, CLUSTER, backup)
    index(services, CLUSTER)


def rewrite_manifest(services: MemoryServices, backup: str, **changes: Any) -> None:
    """As another Seal would have written it, signed."""
    body = doctor_manifest(services, backup, **changes)
    put_signature(services, CLUSTER, backup, body)


def doctor_manifest(services: MemoryServices, backup: str, **changes: Any) -> bytes:
    """As somebody who may write into the bucket, and has no key."""
    key = backup_key(CLUSTER, backup, MANIFEST)
    body = json.dumps(json.loads(services.bucket.read(key)) | changes).encode()
    services.bucket.put(key, body)
    return body


def in_gzip(services: MemoryServices, backup: str) -> Manifest:
    """The same backup as a node without zstd sends it: another object, and a manifest that tells of it."""
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    sent = manifest.snapshot
    raw = io.BytesIO()
    unpack_stream([services.bucket.read(sent.key)], raw)
    body, _ = packed(raw.getvalue(), 40_000, "gzip")
    key = backup_key(CLUSTER, backup, GZIPPED_SNAPSHOT)
    services.bucket.put(key, body)
    services.bucket.remove([sent.key])
    changes = {
        "key": key,
        "size": len(body),
        "object_sha256": hashlib.sha256(body).hexdigest(),
        "checksum": services.bucket.head(key).checksum,
        "compression": "gzip",
    }
    gzipped = manifest.model_copy(update={"snapshot": sent.model_copy(update=changes)})
    rewrite_manifest(services, backup, **gzipped.model_dump(mode="json", include={"snapshot"}))
    tell_verified(services, load_report(services.bucket, CLUSTER, backup))
    return gzipped


def through_nodes(services: MemoryServices, backup: str) -> None:
    """The manifest that a run over SSH writes: a node, and what two nodes' bundles hold."""
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    source = manifest.source.model_copy(update={"transport": "ssh", "node": "n2"})
    rewrite_manifest(
        services,
        backup,
        source=source.model_dump(mode="json"),
        bundles=[
            _bundle(backup, "n1", keys=("aescbc:key1", "identity:-")).model_dump(mode="json"),
            _bundle(backup, "n2", certificates=()).model_dump(mode="json"),
        ],
    )


_CERTIFICATES = (
    Certificate(path="pki/ca.crt", subject="CN=kubernetes", not_after=datetime(2036, 1, 1, tzinfo=UTC), is_ca=True),
    Certificate(path="pki/apiserver.crt", subject="CN=kube-apiserver", not_after=datetime(2027, 3, 4, tzinfo=UTC)),
)


def _bundle(
    backup: str, node: str, *, keys: tuple[str, ...] = (), certificates: tuple[Certificate, ...] = _CERTIFICATES
) -> SecretsBundle:
    return SecretsBundle(
        node=node,
        key=bundle_key(CLUSTER, backup, node),
        size=41_500,
        object_sha256="0" * 64,
        compression="gzip",
        files=31,
        certificates=certificates,
        encryption_keys=keys,
    )
