"""`EtcdCluster` without a network: serves the bytes and facts that it is given, and fails on demand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from holdfast.errors import HoldfastError, InvalidInputError
from holdfast.models.etcd import EtcdFacts, HashKV

TRAILER_BYTES = 32
# What a 3.5 server sends in one message.
BLOB_BYTES = 32 * 1024


@dataclass(frozen=True)
class FailsBefore:
    """The stream fails before its first byte: a refused connection, a foreign certificate, no permission."""

    error: HoldfastError


@dataclass(frozen=True)
class FailsAfter:
    """The stream fails once `size` bytes went through: a broken or (`etcd_stream_stalled`) a hanging one."""

    size: int
    error: HoldfastError


@dataclass(frozen=True)
class EndsAfter:
    """The stream ends, as if all were well, after `size` bytes."""

    size: int


@dataclass(frozen=True)
class CutBeforeHash:
    """The stream ends, as if all were well, without the 32 bytes of the hash."""


@dataclass(frozen=True)
class FlippedBit:
    """One bit of the byte at `offset` is wrong; a negative offset counts from the end."""

    offset: int


SnapshotFault = FailsBefore | FailsAfter | EndsAfter | CutBeforeHash | FlippedBit


@dataclass
class FakeEtcdCluster:
    """`snapshot_file` is what `etcdctl snapshot save` would write: the database with its 32 bytes of hash.

    `known` (EtcdFacts with learners, alarms, without a leader…) is answered as it is; an error in its place is raised.
    `keys` are the live keys. `fault` applies to every snapshot until it is set to None. `asked` records the calls.
    """

    known: EtcdFacts | HoldfastError
    snapshot_file: bytes = b""
    keys: Sequence[str] = ()
    hash: HashKV = field(default_factory=lambda: HashKV(hash=0, revision=1, compact_revision=-1))
    fault: SnapshotFault | None = None
    blob_bytes: int = BLOB_BYTES
    asked: list[str] = field(default_factory=list)
    open_streams: int = 0

    def facts(self) -> EtcdFacts:
        self.asked.append("facts")
        if isinstance(self.known, HoldfastError):
            raise self.known
        return self.known

    @contextmanager
    def snapshot(self, endpoint: str) -> Iterator[Iterator[bytes]]:
        self._ask("snapshot", endpoint)
        self.open_streams += 1
        try:
            yield self._blobs()
        finally:
            self.open_streams -= 1

    def hash_kv(self, endpoint: str, revision: int) -> HashKV:
        self._ask("hash_kv", endpoint)
        return self.hash.model_copy(update={"revision": revision or self.hash.revision})

    def key_count(self, endpoint: str, prefix: str, *, revision: int = 0) -> int:
        del revision  # it knows one revision only
        self._ask("key_count", endpoint)
        return sum(key.startswith(prefix) for key in self.keys)

    def _blobs(self) -> Iterator[bytes]:
        fault = self.fault
        data = self.snapshot_file
        if isinstance(fault, FailsBefore):
            raise fault.error
        if isinstance(fault, FlippedBit):
            at = fault.offset % len(data)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        # As a server does, the hash comes in a message of its own.
        body, trailer = data[:-TRAILER_BYTES], data[-TRAILER_BYTES:]
        if isinstance(fault, CutBeforeHash):
            trailer = b""
        if isinstance(fault, FailsAfter | EndsAfter):
            body, trailer = data[: fault.size], b""
        for start in range(0, len(body), self.blob_bytes):
            yield body[start : start + self.blob_bytes]
        if isinstance(fault, FailsAfter):
            raise fault.error
        if trailer:
            yield trailer

    def _ask(self, call: str, endpoint: str) -> None:
        self.asked.append(f"{call} {endpoint}")
        known = self.known
        if isinstance(known, EtcdFacts) and endpoint not in _endpoints(known):
            raise InvalidInputError("etcd_endpoint_unknown", f"{endpoint} is not an endpoint of this cluster")


def _endpoints(facts: EtcdFacts) -> set[str]:
    return {status.endpoint for status in facts.statuses} | {failure.endpoint for failure in facts.failures}
