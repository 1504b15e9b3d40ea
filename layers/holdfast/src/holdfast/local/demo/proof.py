"""The proof: what was downloaded restores, and the restored member holds what the source held."""

import time
from dataclasses import dataclass
from pathlib import Path

from holdfast.engine.inspect import inspect_file
from holdfast.errors import DamagedError
from holdfast.etcd.base import EtcdCluster
from holdfast.local.demo.figures import Comparison
from holdfast.local.etcd_cluster import LocalEtcd, restore_throwaway
from holdfast.models.backup import Manifest, VerificationReport


@dataclass(frozen=True)
class Restored:
    comparison: Comparison
    seconds: float


def restore_and_compare(
    snapshot: Path, folder: Path, source: EtcdCluster, manifest: Manifest, report: VerificationReport
) -> Restored:
    """Fails with `demo_mismatch` (damaged) when any of the answers differ. `seconds` is until the member is healthy."""
    began = time.monotonic()
    with restore_throwaway(snapshot, folder) as restored:
        seconds = time.monotonic() - began
        comparison = _compare(snapshot, source, manifest.source.endpoint, restored, report)
    if comparison.differences:
        raise DamagedError(
            "demo_mismatch", "; ".join(comparison.differences), hint="this backup is not what was stored"
        )
    return Restored(comparison, round(seconds, 2))


def _compare(
    snapshot: Path, source: EtcdCluster, source_endpoint: str, restored: LocalEtcd, report: VerificationReport
) -> Comparison:
    found = inspect_file(snapshot)
    if found.hash_kv is None:
        raise DamagedError("demo_mismatch", "the snapshot was taken in the middle of a compaction: it has no HashKV")
    revision = found.hash_kv.revision
    throwaway, endpoint = restored.client(), restored.endpoints[0]
    return Comparison(
        revision=revision,
        hash_file=found.hash_kv,
        hash_source=source.hash_kv(source_endpoint, revision),
        hash_restored=throwaway.hash_kv(endpoint, revision),
        keys_verified=report.database.live_keys,
        keys_file=found.live_keys,
        keys_source=source.key_count(source_endpoint, "", revision=revision),
        keys_restored=throwaway.key_count(endpoint, "", revision=revision),
    )
