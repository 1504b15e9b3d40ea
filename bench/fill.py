"""Fills a local etcd until its database file has the wanted size."""

from bench.values import objects
from holdfast.local.etcd_cluster import LocalEtcd

MB = 1_000_000
STEP = 16 * MB


def fill(cluster: LocalEtcd, megabytes: int, *, seed: int = 1) -> int:
    """Puts Kubernetes-like values until the member's file has `megabytes` (10^6 bytes); how many keys that took."""
    writer, source = cluster.writer(), objects(seed)
    keys = 0
    while cluster.client().facts().statuses[0].db_size < megabytes * MB:
        taken: list[tuple[bytes, bytes]] = []
        size = 0
        for key, value in source:
            taken.append((key, value))
            size += len(value)
            if size >= min(STEP, megabytes * MB // 10):
                break
        writer.put_many(taken)
        keys += len(taken)
    return keys
