"""Writing to a local etcd: it fills clusters for tests, demo and bench. Nothing ever writes to a backed-up cluster."""

from collections.abc import Iterable, Iterator
from itertools import batched

import grpc
from google.protobuf.message import Message

from holdfast.etcd import methods
from holdfast.etcd import rpc_pb2 as rpc
from holdfast.etcd.connection import open_channel
from holdfast.etcd.failures import failure_of
from holdfast.models.credentials import EtcdTls

# etcd's defaults: 128 operations in a transaction, 1.5 MiB in a request.
MAX_OPERATIONS = 128
MAX_REQUEST_BYTES = 1_000_000
_DEADLINE_S = 30.0


class EtcdWriter:
    def __init__(self, endpoint: str, tls: EtcdTls) -> None:
        self._endpoint = endpoint
        self._tls = tls

    def put_many(self, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Puts in transactions as large as etcd takes; a key must not come twice within 128 neighbours.

        The revision after the last one, 0 when there was nothing to put.
        """
        revision = 0
        with open_channel(self._endpoint, self._tls, None) as channel:
            for batch in _transactions(pairs):
                operations = [rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=value)) for key, value in batch]
                answer = self._call(channel, methods.TXN, rpc.TxnRequest(success=operations))
                revision = answer.header.revision
        return revision

    def put(self, key: bytes, value: bytes) -> int:
        with open_channel(self._endpoint, self._tls, None) as channel:
            return self._call(channel, methods.PUT, rpc.PutRequest(key=key, value=value)).header.revision

    def delete_prefix(self, prefix: bytes) -> int:
        """How many keys went."""
        key, range_end = methods.key_range(prefix)
        with open_channel(self._endpoint, self._tls, None) as channel:
            request = rpc.DeleteRangeRequest(key=key, range_end=range_end)
            return self._call(channel, methods.DELETE_RANGE, request).deleted

    def compact(self, revision: int) -> None:
        """Returns when the old revisions are gone from the database file, not only from view."""
        with open_channel(self._endpoint, self._tls, None) as channel:
            self._call(channel, methods.COMPACT, rpc.CompactionRequest(revision=revision, physical=True))

    def _call[Q: Message, R: Message](self, channel: grpc.Channel, method: methods.Unary[Q, R], request: Q) -> R:
        try:
            return method.on(channel)(request, timeout=_DEADLINE_S)
        except grpc.RpcError as error:
            raise failure_of(self._endpoint, error) from error


def _transactions(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    for neighbours in batched(pairs, MAX_OPERATIONS, strict=False):
        batch: list[tuple[bytes, bytes]] = []
        size = 0
        for key, value in neighbours:
            weight = len(key) + len(value)
            if batch and size + weight > MAX_REQUEST_BYTES:
                yield batch
                batch, size = [], 0
            batch.append((key, value))
            size += weight
        yield batch
