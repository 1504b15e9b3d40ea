"""Stores of one's own for tests: a spec, a TLS context of a private authority, and what opens them."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builders.s3_server import SESSION
from holdfast.local.pki import CertificateAuthority
from holdfast.models.storage import StorageSpec, StoreKeys
from holdfast.storage.s3_stores import S3Stores

KEYS = StoreKeys.model_validate({"access_key": "test", "secret_key": "test"})


def storage(**changes: Any) -> StorageSpec:
    """A store on loopback that two secrets open; `changes` as a file would hold them."""
    fields: dict[str, Any] = {
        "endpoint": "http://127.0.0.1:9000",
        "region": "us-east-1",
        "bucket": "snapshots",
        "secrets_bucket": "secrets",
        "credentials": "holdfast-store/lab",
        "secrets_credentials": "holdfast-store-secrets/lab",
        "attempts": 2,
    }
    return StorageSpec.model_validate(fields | changes)


def stores(keys: Callable[[str], StoreKeys] = lambda _: KEYS, **options: Any) -> S3Stores:
    return S3Stores(SESSION, keys, **options)


def server_tls(authority: CertificateAuthority, folder: Path) -> ssl.SSLContext:
    """For a server on 127.0.0.1."""
    pair = authority.issue_member("store")
    path = folder / "store.pem"
    path.write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
