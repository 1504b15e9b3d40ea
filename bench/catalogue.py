"""What it costs to look at many: 10,000 backups of one cluster listed and judged, 1,000 clusters' freshness checked.

python -m bench.catalogue -o json

The keys are put as Seal and Verify put them; nothing is backed up. Calls are counted where they leave botocore.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from bench.command import machine
from bench.problem import BenchError
from bench.stores import Target, store, with_bucket
from holdfast.engine.catalog import list_backups, look_at_objects
from holdfast.engine.freshness import check_freshness
from holdfast.engine.retention_seen import look_before_deciding
from holdfast.engine.services import Services
from holdfast.models.backup import BackupEntry
from holdfast.models.cluster import ClusterSpec
from holdfast.models.retention import RetentionSpec
from holdfast.planning.catalog_key import catalog_key
from holdfast.planning.naming import MANIFEST, SNAPSHOT, VERIFIED, backup_id, backup_key
from holdfast.planning.retention import decide
from holdfast.planning.suspicion import suspicions
from holdfast.state.memory import MemoryClusters
from holdfast.storage.s3 import S3Bucket

MANY = "bench-many"
# A rule of every kind, so that planning has to walk all periods.
RULE = RetentionSpec(keep_last=50, keep_hourly=48, keep_daily=30, keep_weekly=12, keep_monthly=24, keep_yearly=5)
SNAPSHOT_BYTES = 1_000
PUTTERS = 16


class Calls:
    """What a client asks, by operation, from all threads."""

    def __init__(self, client: Any) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        client.meta.events.register("before-call.s3", self._note)

    def _note(self, model: Any, **_: Any) -> None:
        with self._lock:
            self._counts[model.name] += 1

    def of[T](self, work: Callable[[], T]) -> tuple[T, float, dict[str, int]]:
        """What `work` returns, its seconds, and the calls it made."""
        with self._lock:
            self._counts.clear()
        started = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - started
        with self._lock:
            return result, seconds, dict(self._counts)


@dataclass(frozen=True)
class FreshServices:
    """What a check of freshness asks for. The registry is in memory: the table is not what is measured."""

    clusters: MemoryClusters
    reader: S3Bucket

    @staticmethod
    def clock() -> datetime:
        return datetime.now(UTC)


def backups(cluster: str, count: int, newest: datetime) -> list[BackupEntry]:
    """One an hour, each verified, the newest first."""
    moments = [newest - timedelta(hours=hours) for hours in range(count)]
    return [
        BackupEntry(
            cluster_id=cluster,
            backup_id=backup_id(moment, "recurring", cluster),
            kind="recurring",
            taken_at=moment.replace(microsecond=0),
            size=SNAPSHOT_BYTES,
            state="verified",
            raw_size=400_000_000,
            live_keys=40_000,
            resources="ff0a1b",
        )
        for moment in moments
    ]


def objects_of(entry: BackupEntry) -> Iterator[tuple[str, bytes]]:
    for name in (SNAPSHOT, MANIFEST, VERIFIED):
        body = b"x" * SNAPSHOT_BYTES if name == SNAPSHOT else b"{}"
        yield backup_key(entry.cluster_id, entry.backup_id, name), body


def fill(target: Target, objects: Iterable[tuple[str, bytes]], note: Console, what: str) -> float:
    """Put them, past everything of the product's; returns the seconds."""
    client = target.client()
    started = time.perf_counter()

    def put(each: tuple[str, bytes]) -> None:
        client.put_object(Bucket=target.bucket, Key=each[0], Body=each[1])

    with ThreadPoolExecutor(PUTTERS) as pool:
        for done, _ in enumerate(pool.map(put, objects), start=1):
            if done % 5_000 == 0:
                note.print(f"{what}: {done} objects")
    return time.perf_counter() - started


def one_cluster(target: Target, count: int, note: Console) -> dict[str, object]:
    """Listing and retention of a cluster with so many backups. Of each the catalogue has its name and the bucket its
    manifest; the newest hundred have all their objects."""
    entries = backups(MANY, count, datetime.now(UTC))
    note.print(f"filling one cluster with {count} backups")
    fill(target, ((catalog_key(entry), b"") for entry in entries), note, "catalogue")
    fill(target, ((backup_key(MANY, each.backup_id, MANIFEST), b"{}") for each in entries[100:]), note, "manifests")
    fill(target, (each for entry in entries[:100] for each in objects_of(entry)), note, "objects")
    client = target.client()
    bucket, calls = S3Bucket(client, target.bucket, checksums=target.checksums), Calls(client)
    listed, list_s, list_calls = calls.of(lambda: list_backups(bucket, MANY))
    if len(listed) != count:
        raise BenchError(f"{len(listed)} backups are listed, not {count}")
    started = time.perf_counter()
    verdicts = decide(listed, RULE, now=datetime.now(UTC), findings=suspicions(listed))
    decide_s = time.perf_counter() - started
    seen, look_s, look_calls = calls.of(lambda: look_before_deciding(bucket, MANY, RULE))
    _, objects_s, objects_calls = calls.of(lambda: look_at_objects(bucket, MANY))
    return {
        "backups": count,
        "list_calls": list_calls,
        "list_s": round(list_s, 3),
        "retention_plan_s": round(decide_s, 3),
        "retention_removes": sum(not verdict.keep for verdict in verdicts),
        "retention_look_calls": look_calls,
        "retention_look_s": round(look_s, 3),
        "retention_sees": len(seen.entries),
        "objects_look_calls": objects_calls,
        "objects_look_s": round(objects_s, 3),
    }


def many_clusters(target: Target, count: int, each: int, note: Console) -> dict[str, object]:
    """Freshness of so many clusters with `each` backups: their names, and the objects of the newest."""
    newest = datetime.now(UTC) - timedelta(minutes=30)
    names = [f"bench-{number:04}" for number in range(count)]
    known = [backups(name, each, newest) for name in names]
    note.print(f"filling {count} clusters with {each} backups each")
    fill(target, ((catalog_key(entry), b"") for entries in known for entry in entries), note, "catalogues")
    fill(target, (found for entries in known for found in objects_of(entries[0])), note, "objects")
    client = target.client()
    bucket, calls = S3Bucket(client, target.bucket, checksums=target.checksums), Calls(client)
    services = FreshServices(MemoryClusters(), bucket)
    for name in names:
        services.clusters.put(_spec(name), replace=True)
    report, seconds, made = calls.of(lambda: check_freshness(cast("Services", services)))
    odd = [found.cluster_id for found in report.clusters if found.state != "fresh"]
    if odd or len(report.clusters) != count:
        raise BenchError(f"{len(odd)} of {len(report.clusters)} clusters are not fresh, {odd[:3]} for example")
    return {
        "clusters": count,
        "backups_each": each,
        "freshness_s": round(seconds, 3),
        "freshness_calls": made,
        "freshness_calls_per_cluster": round(sum(made.values()) / count, 2),
    }


def _spec(name: str) -> ClusterSpec:
    transport = {"kind": "etcd", "endpoints": ["https://10.0.0.1:2379"], "credentials": "holdfast/bench/etcd"}
    fields = {"id": name, "driver": "kubeadm", "transport": transport, "schedule": {"rate": "1 hour"}}
    return ClusterSpec.model_validate(fields)


def main() -> int:
    parser = argparse.ArgumentParser(description="measure listing, retention and freshness of many backups")
    parser.add_argument("--backups", type=int, default=10_000, help="of one cluster (default 10000)")
    parser.add_argument("--clusters", type=int, default=1_000, help="whose freshness is checked (default 1000)")
    parser.add_argument("--each", type=int, default=8, help="backups of each of them (default 8)")
    parser.add_argument("--s3", default="localstack", help="localstack, ceph, or the URL of an S3 server")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    arguments = parser.parse_args()
    note = Console(stderr=True)
    try:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, store(arguments.s3, Path(name)) as target:
            figures: dict[str, object] = {"s3": target.name}
            figures |= one_cluster(target, arguments.backups, note)
            # A bucket of its own: for every LIST LocalStack sorts all keys of a bucket, as S3 does not.
            figures |= many_clusters(with_bucket(target), arguments.clusters, arguments.each, note)
            figures["machine"] = machine()
    except BenchError as error:
        note.print(f"error: {error}", style="red", markup=False)
        return 1
    if arguments.output == "json":
        print(json.dumps(figures, indent=2))
        return 0
    table = Table("figure", "value", title="looking at many backups")
    for figure, value in figures.items():
        table.add_row(figure, str(value))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
