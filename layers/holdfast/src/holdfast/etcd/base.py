"""The contract for reading an etcd cluster: what a backup needs of it, and nothing that writes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from holdfast.models.etcd import EtcdFacts, HashKV


@dataclass(frozen=True)
class EtcdDeadlines:
    """Seconds. `stall_s` is the longest wait for one message of a snapshot, counted only while the reader waits;
    `snapshot_s` bounds the whole stream (below the 15 minutes that a function may run)."""

    call_s: float = 5.0
    hash_s: float = 120.0
    stall_s: float = 30.0
    snapshot_s: float = 840.0


class EtcdCluster(Protocol):
    """One cluster through its endpoints. Every call has a deadline and leaves no connection open.

    An `endpoint` argument is one of the configured ones, else InvalidInputError `etcd_endpoint_unknown`.
    Failures are of the error tree with the codes of failures.py and handshake.py, never gRPC's own.
    """

    def facts(self) -> EtcdFacts:
        """Status of every endpoint, asked at the same time, with the member list and the alarms.

        Works without quorum. An endpoint that fails is a row in `failures`. Raises only when no endpoint answers at
        all (the common code, or `etcd_no_endpoint_answers`, naming every endpoint's reason), or when the endpoints
        belong to different clusters (RefusedError `etcd_clusters_differ`).
        """

    def snapshot(self, endpoint: str) -> AbstractContextManager[Iterator[bytes]]:
        """The database of that member as it stood when the stream began, then 32 bytes: the SHA-256 of all before.

        The blobs come in order and in the server's sizes, to the very end of the stream. Nothing is checked: a reader
        compares the hash itself. A member that stops answering is TransientError `etcd_stream_stalled` within
        `stall_s` or `etcd_stream_broken`. Leaving the block early cancels the stream.
        """

    def hash_kv(self, endpoint: str, revision: int) -> HashKV:
        """The hash of that member's key space up to `revision`; 0 means its newest. Reads all keys: not cheap."""

    def key_count(self, endpoint: str, prefix: str, *, revision: int = 0) -> int:
        """How many keys start with `prefix` (all for "") in that member's own copy, at `revision` or (0) the newest."""
