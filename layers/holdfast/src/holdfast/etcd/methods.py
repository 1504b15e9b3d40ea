"""The RPCs that Holdfast calls, under etcd's own service names. What gRPC would generate, in the few lines it takes."""

from dataclasses import dataclass
from typing import Protocol

import grpc
from google.protobuf.message import Message

from holdfast.etcd import rpc_pb2 as rpc


class UnaryCall[Q: Message, R: Message](Protocol):
    def __call__(self, request: Q, *, timeout: float) -> R: ...


@dataclass(frozen=True)
class Unary[Q: Message, R: Message]:
    """One request, one answer. Calling it needs a deadline in seconds: etcd without quorum would hold it for ever."""

    path: str
    request: type[Q]
    response: type[R]

    def on(self, channel: grpc.Channel) -> UnaryCall[Q, R]:
        return channel.unary_unary(
            self.path, request_serializer=self.request.SerializeToString, response_deserializer=self.response.FromString
        )


STATUS = Unary("/etcdserverpb.Maintenance/Status", rpc.StatusRequest, rpc.StatusResponse)
ALARM = Unary("/etcdserverpb.Maintenance/Alarm", rpc.AlarmRequest, rpc.AlarmResponse)
HASH_KV = Unary("/etcdserverpb.Maintenance/HashKV", rpc.HashKVRequest, rpc.HashKVResponse)
MEMBER_LIST = Unary("/etcdserverpb.Cluster/MemberList", rpc.MemberListRequest, rpc.MemberListResponse)
RANGE = Unary("/etcdserverpb.KV/Range", rpc.RangeRequest, rpc.RangeResponse)
PUT = Unary("/etcdserverpb.KV/Put", rpc.PutRequest, rpc.PutResponse)
DELETE_RANGE = Unary("/etcdserverpb.KV/DeleteRange", rpc.DeleteRangeRequest, rpc.DeleteRangeResponse)
TXN = Unary("/etcdserverpb.KV/Txn", rpc.TxnRequest, rpc.TxnResponse)
COMPACT = Unary("/etcdserverpb.KV/Compact", rpc.CompactionRequest, rpc.CompactionResponse)

SNAPSHOT_PATH = "/etcdserverpb.Maintenance/Snapshot"


def key_range(prefix: bytes) -> tuple[bytes, bytes]:
    """`key` and `range_end` that cover every key below `prefix`; an empty prefix covers all keys.

    etcd's convention: the end is the prefix with its last byte plus one (a trailing 0xff carries), and a single zero
    byte means "to the end" (rpc.proto, RangeRequest).
    """
    stem = prefix.rstrip(b"\xff")
    end = stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"
    return prefix or b"\0", end
