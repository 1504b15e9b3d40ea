"""What people do today: `etcdctl snapshot save` alone, and followed by `zstd` and `aws s3 cp`."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.problem import BenchError
from bench.stores import Target
from holdfast.local.etcd_cluster import LocalEtcd


def require_peers() -> None:
    if shutil.which("zstd") is None:
        raise BenchError("zstd not found: apt-get install zstd")
    if not _aws().exists():
        raise BenchError(f"{_aws()} not found: make setup")


def etcdctl_save(cluster: LocalEtcd, path: Path) -> float:
    """Seconds."""
    path.unlink(missing_ok=True)
    started = time.perf_counter()
    cluster.etcdctl("snapshot", "save", str(path))
    return time.perf_counter() - started


def save_compress_copy(cluster: LocalEtcd, path: Path, target: Target, key: str) -> float:
    """Seconds for all three, one after the other, with each program's defaults."""
    packed = path.with_suffix(".db.zst")
    packed.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    started = time.perf_counter()
    cluster.etcdctl("snapshot", "save", str(path))
    subprocess.run(["zstd", "-q", str(path), "-o", str(packed)], check=True)
    command = [str(_aws()), "s3", "cp", "--no-progress", str(packed), f"s3://{target.bucket}/{key}"]
    subprocess.run(command, check=True, env=os.environ | target.environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _aws() -> Path:
    return Path(sys.executable).with_name("aws")
