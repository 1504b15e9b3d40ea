"""One backup, or one verification, in a process of its own: then its peak memory is its own too.

Reads a `Job` as JSON from standard input, prints a `Result` as JSON. The engine's functions run as in Lambda, with the
registry, the lease and the run's record in memory; etcd and the object store are real.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bench.problem import BenchError
from bench.stores import Target
from holdfast.credentials.memory import MemoryCredentials
from holdfast.engine import backup
from holdfast.engine.verification import verify_backup
from holdfast.etcd.base import EtcdCluster
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.executions.memory import MemoryExecutions
from holdfast.identity.memory import MemoryIdentity
from holdfast.models.cluster import ClusterSpec, EtcdTransport, KubernetesTransport, NodeTransport
from holdfast.models.credentials import EtcdTls
from holdfast.models.run import BackupRequest
from holdfast.models.storage import StorageSpec
from holdfast.notify.memory import MemoryNotifier, MemoryPostman
from holdfast.planning.naming import backup_id, run_id
from holdfast.planning.runbook import Buckets
from holdfast.schedules.memory import MemorySchedules
from holdfast.signing.base import Signing
from holdfast.signing.memory import MemorySigningKey
from holdfast.state.memory import MemoryClusters, MemoryFreshnessNotes, MemoryLeases, MemoryRuns
from holdfast.storage.probing import MemoryProbe
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_grants import S3Grants
from holdfast.storage.s3_locks import S3Locks
from holdfast.transports.base import Transport

CLUSTER, SECRET = "bench", "holdfast/bench/etcd"


@dataclass(frozen=True)
class Job:
    """`backup_id` empty: make a backup. Otherwise verify that one."""

    target: dict[str, str]
    endpoints: list[str]
    tls: dict[str, str]
    backup_id: str = ""


class Reachable(Protocol):
    @property
    def endpoints(self) -> tuple[str, ...]: ...

    @property
    def tls(self) -> EtcdTls: ...


def job_of(cluster: Reachable, target: Target, backup_name: str = "") -> Job:
    tls = {name: getattr(cluster.tls, name).get_secret_value() for name in ("ca", "cert", "key")}
    return Job(asdict(target), list(cluster.endpoints), tls, backup_name)


@dataclass(frozen=True)
class Result:
    """`seconds` is the work alone, `phases` what it consists of; sizes are bytes."""

    backup_id: str
    seconds: float
    phases: dict[str, float]
    peak_rss_mb: int
    raw_size: int
    size: int


class BenchServices:
    """Of the direct path, which bundles no secrets: their bucket is that of the snapshots."""

    four_eyes = False

    def __init__(self, job: Job) -> None:
        target = Target(**job.target)  # type: ignore[arg-type]
        self.bucket, self.grants = bucket_of(target), grants_of(target)
        self.reader = self.writer = self.remover = self.bucket
        self.secrets_reader = self.secrets_remover = self.bucket
        self.locks = self.secrets_locks = S3Locks(target.client(), target.bucket)
        self.secrets_grants, self.buckets = self.grants, lambda _: Buckets(target.bucket, target.bucket)
        self.store_probe, self.default_storage = MemoryProbe(), StorageSpec()
        self.clusters, self.leases, self.runs = MemoryClusters(), MemoryLeases(), MemoryRuns()
        self.freshness_notes = MemoryFreshnessNotes()
        self.credentials = MemoryCredentials({SECRET: json.dumps(job.tls)})
        self.schedules, self.executions, self.changes = MemorySchedules(), MemoryExecutions(), MemoryExecutions()
        self.notifier, self.identity = MemoryNotifier(), MemoryIdentity()
        self.postman = MemoryPostman()
        self.signing = Signing(MemorySigningKey())
        transport = {"kind": "etcd", "endpoints": job.endpoints, "credentials": SECRET}
        spec = ClusterSpec.model_validate({"id": CLUSTER, "driver": "kubeadm", "transport": transport})
        self.clusters.put(spec, replace=True)

    @property
    def clock(self) -> Callable[[], datetime]:
        return lambda: datetime.now(UTC)

    @property
    def etcd(self) -> Callable[[EtcdTransport | KubernetesTransport, EtcdTls], EtcdCluster]:
        def cluster(transport: EtcdTransport | KubernetesTransport, tls: EtcdTls) -> EtcdCluster:
            if isinstance(transport, KubernetesTransport):
                raise BenchError("the bench measures no way through the Kubernetes API")
            return GrpcEtcdCluster(transport.endpoints, tls)

        return cluster

    @property
    def copies(self) -> Callable[[str], S3Bucket | None]:
        return lambda _: None

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        raise BenchError("etcd is asked directly here; bench.node_path measures the way through nodes")


def bucket_of(target: Target) -> S3Bucket:
    # Of the stores that a measurement runs against, the one without checksums has no conditional puts either.
    return S3Bucket(
        target.client(), target.bucket, checksums=target.checksums, conditional_puts=target.checksums == "sha256"
    )


def grants_of(target: Target) -> S3Grants:
    return S3Grants(target.client(), target.bucket, checksums=target.checksums)


class Stopwatch:
    def __init__(self) -> None:
        self.phases: dict[str, float] = {}

    def time[T](self, phase: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = work()
        self.phases[phase] = time.perf_counter() - started
        return result


def make_backup(services: BenchServices) -> Result:
    watch, now = Stopwatch(), services.clock()
    name = run_id(CLUSTER, backup_id(now, "manual", now.isoformat()))
    state = watch.time("start", lambda: backup.start(services, BackupRequest(cluster=CLUSTER), name, now))
    state = watch.time("snapshot", lambda: backup.take_snapshot(services, state))
    watch.time("seal", lambda: backup.seal(services, state))
    snapshot = state.snapshot
    if snapshot is None:
        raise RuntimeError("the direct path gives a snapshot at once")
    return _result(state.run.backup_id, watch, snapshot.raw_size, snapshot.size)


def verify(services: BenchServices, backup_name: str) -> Result:
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        report = watch.time(
            "verify",
            lambda: verify_backup(
                services.bucket,
                CLUSTER,
                backup_name,
                signing=services.signing,
                work_dir=Path(folder),
                clock=services.clock,
            ),
        )
    return _result(backup_name, watch, report.database.size, 0)


def _result(backup_name: str, watch: Stopwatch, raw_size: int, size: int) -> Result:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Result(backup_name, sum(watch.phases.values()), watch.phases, peak, raw_size, size)


def main() -> None:
    job = Job(**json.load(sys.stdin))
    services = BenchServices(job)
    result = verify(services, job.backup_id) if job.backup_id else make_backup(services)
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
