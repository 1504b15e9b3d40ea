"""How long a backup takes beside `etcdctl snapshot save` and beside what people script today, in one run, by turns.

python -m bench.backup --mb 400 --s3 ceph -o json
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.command import command, machine
from bench.fill import MB, fill
from bench.peers import etcdctl_save, require_peers, save_compress_copy
from bench.problem import BenchError
from bench.stores import Target, store
from bench.worker import Job, Result, job_of
from holdfast.local.etcd_cluster import LocalEtcd

QUOTA_BYTES = 8 * 1024**3


@dataclass
class Rounds:
    """What each round took, in seconds; the figures are medians over the rounds."""

    etcdctl: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    backup: list[Result] = field(default_factory=list)
    backup_process: list[float] = field(default_factory=list)
    verify: list[Result] = field(default_factory=list)

    def figures(self) -> dict[str, float | int | dict[str, float]]:
        etcdctl, peer = median(self.etcdctl), median(self.peer)
        holdfast, verify = (median(result.seconds for result in results) for results in (self.backup, self.verify))
        last = self.backup[-1]
        phases = {name: round(median(each.phases[name] for each in self.backup), 3) for name in last.phases}
        return {
            "db_mb": round(last.raw_size / MB, 1),
            "etcdctl_save_s": round(etcdctl, 3),
            "holdfast_s": round(holdfast, 3),
            "holdfast_process_s": round(median(self.backup_process), 3),
            "phases_s": phases,
            "ratio": round(holdfast / etcdctl, 3),
            "peer_s": round(peer, 3),
            "peer_ratio": round(holdfast / peer, 3),
            "verify_s": round(verify, 3),
            "verify_mb_s": round(last.raw_size / MB / verify, 1),
            "peak_rss_mb": max(result.peak_rss_mb for result in self.backup),
            "verify_peak_rss_mb": max(result.peak_rss_mb for result in self.verify),
            "compressed_ratio": round(last.size / last.raw_size, 4),
        }


def measure(cluster: LocalEtcd, target: Target, folder: Path, repeat: int, note: Console) -> Rounds:
    rounds = Rounds()
    file = folder / "peer.db"
    etcdctl_save(cluster, file)  # warms the page cache for everyone
    for number in range(repeat):
        note.print(f"round {number + 1} of {repeat}")
        os.sync()  # nobody pays for what the one before left to be written
        rounds.etcdctl.append(etcdctl_save(cluster, file))
        os.sync()
        started = time.perf_counter()
        made = work(job_of(cluster, target))
        rounds.backup_process.append(time.perf_counter() - started)
        rounds.backup.append(made)
        os.sync()
        rounds.peer.append(save_compress_copy(cluster, file, target, f"peer/{number}.db.zst"))
        os.sync()
        rounds.verify.append(work(job_of(cluster, target, made.backup_id)))
        empty(target)
    return rounds


def work(job: Job) -> Result:
    command = [sys.executable, "-m", "bench.worker"]
    done = subprocess.run(command, input=json.dumps(asdict(job)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"the measured process failed:\n{done.stderr[-3000:]}")
    return Result(**json.loads(done.stdout))


def empty(target: Target) -> None:
    """Stores in memory would fill up."""
    client = target.client()
    for entry in client.list_objects_v2(Bucket=target.bucket).get("Contents", ()):
        client.delete_object(Bucket=target.bucket, Key=entry["Key"])


def run(megabytes: int, store_name: str, repeat: int, note: Console) -> dict[str, object]:
    require_peers()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        folder = Path(name)
        note.print(f"starting etcd and {store_name}")
        with (
            LocalEtcd.start(folder / "etcd", members=1, quota_bytes=QUOTA_BYTES) as cluster,
            store(store_name, folder) as target,
        ):
            note.print(f"filling etcd with {megabytes} MB")
            keys = fill(cluster, megabytes)
            rounds = measure(cluster, target, folder, repeat, note)
    return {"s3": target.name, "machine": machine(), "repeat": repeat, "keys": keys, **rounds.figures()}


def main() -> int:
    return command("measure a backup against etcdctl and against etcdctl, zstd and aws", run)


if __name__ == "__main__":
    sys.exit(main())
