"""Services that hold exactly one finished backup, and a manifest that a test may rewrite."""

import json
from typing import Any

from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.engine.catalog import list_backups
from holdfast.planning.naming import MANIFEST, backup_key

CLUSTER = "prod-1"


def one_backup() -> MemoryServices:
    services = services_with()
    assert BackupMachine(services).execute(CLUSTER, START).status == "succeeded"
    return services


def only_backup(services: MemoryServices) -> str:
    (entry,) = list_backups(services.bucket, CLUSTER)
    return entry.backup_id


def rewrite_manifest(services: MemoryServices, backup: str, **changes: Any) -> None:
    key = backup_key(CLUSTER, backup, MANIFEST)
    services.bucket.put(key, json.dumps(json.loads(services.bucket.read(key)) | changes).encode())
