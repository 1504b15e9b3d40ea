"""Fills a local etcd until its database file has the wanted size."""

from typing import Protocol

from bench.values import objects
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_writer import EtcdWriter

MB = 1_000_000
STEP = 16 * MB


class Fillable(Protocol):
    def client(self) -> GrpcEtcdCluster: ...

    def writer(self) -> EtcdWriter: ...


def fill(cluster: Fillable, megabytes: int, *, seed: int = 1) -> int:
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
