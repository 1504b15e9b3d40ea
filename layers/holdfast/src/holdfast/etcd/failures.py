"""gRPC's errors in the words of the error tree.

etcd answers with fixed sentences (its api/v3rpc/rpctypes/error.go), which say more than the status code; they are
looked for first. UNAVAILABLE without one is the transport's: handshake.py then finds out why.
"""

from typing import NamedTuple

import grpc

from holdfast.errors import HoldfastError, PermanentError, TransientError

_RAISE_QUOTA = "Compact and defragment the cluster, or raise its quota, then disarm the alarm."
_NEED_ROOT = "Authentication is on: the client certificate's common name must be an etcd user with the root role."


class _Meaning(NamedTuple):
    family: type[TransientError] | type[PermanentError]
    code: str
    hint: str


_SENTENCES: tuple[tuple[str, _Meaning], ...] = (
    ("no leader", _Meaning(TransientError, "etcd_no_leader", "Quorum is lost or an election is running.")),
    ("request timed out", _Meaning(TransientError, "etcd_timeout", "The cluster is overloaded or lost its quorum.")),
    (
        "not supported for learner",
        _Meaning(PermanentError, "etcd_learner_refuses", "Add a voting member's endpoint to the cluster file."),
    ),
    ("permission denied", _Meaning(PermanentError, "etcd_permission_denied", _NEED_ROOT)),
    ("user name is empty", _Meaning(PermanentError, "etcd_permission_denied", _NEED_ROOT)),
    ("user not found", _Meaning(PermanentError, "etcd_permission_denied", _NEED_ROOT)),
    ("invalid auth token", _Meaning(PermanentError, "etcd_permission_denied", _NEED_ROOT)),
    (
        "revision has been compacted",
        _Meaning(PermanentError, "etcd_revision_compacted", "Ask for a revision after the last compaction."),
    ),
    (
        "is a future revision",
        _Meaning(
            TransientError, "etcd_revision_not_reached", "This member lags behind the one that named the revision."
        ),
    ),
    ("database space exceeded", _Meaning(PermanentError, "etcd_space_exceeded", _RAISE_QUOTA)),
    ("too many requests", _Meaning(TransientError, "etcd_overloaded", "The member asks to slow down.")),
    (
        "corrupt cluster",
        _Meaning(PermanentError, "etcd_corrupt", "The member found its data different from the others': rebuild it."),
    ),
    (
        "message larger than max",
        _Meaning(PermanentError, "etcd_message_too_large", "Report this with the call that failed."),
    ),
)

_STATUS_CODES: dict[grpc.StatusCode, _Meaning] = {
    grpc.StatusCode.UNAVAILABLE: _Meaning(
        TransientError, "etcd_unreachable", "Check the endpoint, the route and the security groups to port 2379."
    ),
    grpc.StatusCode.DEADLINE_EXCEEDED: _Meaning(
        TransientError, "etcd_timeout", "The member accepts connections but does not answer, or packets are dropped."
    ),
    grpc.StatusCode.PERMISSION_DENIED: _Meaning(PermanentError, "etcd_permission_denied", _NEED_ROOT),
    grpc.StatusCode.UNAUTHENTICATED: _Meaning(PermanentError, "etcd_permission_denied", _NEED_ROOT),
    grpc.StatusCode.UNIMPLEMENTED: _Meaning(
        PermanentError,
        "etcd_unimplemented",
        "This etcd is too old for the call, or the port is not etcd's client port.",
    ),
    grpc.StatusCode.RESOURCE_EXHAUSTED: _Meaning(TransientError, "etcd_overloaded", "The member asks to slow down."),
    grpc.StatusCode.CANCELLED: _Meaning(TransientError, "etcd_stream_broken", "The connection ended in mid-stream."),
}

_UNKNOWN = _Meaning(PermanentError, "etcd_error", "etcd's own words are in the message; see the member's log.")
_BROKEN_STREAM = _Meaning(
    TransientError, "etcd_stream_broken", "The connection or the member died in mid-stream; the next try starts afresh."
)
_TOO_SLOW = _Meaning(
    PermanentError,
    "etcd_stream_too_slow",
    "A Lambda function has 15 minutes for the whole database: look at the member's disk and at the network between, "
    "compact and defragment.",
)
# What the transport says when a connection dies under a stream.
_TRANSPORT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


def failure_of(endpoint: str, error: grpc.RpcError, *, mid_stream: bool = False) -> HoldfastError:
    """`mid_stream` is for an error after the first message: then the transport's words mean a broken stream."""
    status = error.code()
    details = (error.details() or "").strip()
    meaning = _meaning(status, details, mid_stream=mid_stream)
    return meaning.family(meaning.code, f"{endpoint}: {details or status.name}", hint=meaning.hint)


def _meaning(status: grpc.StatusCode, details: str, *, mid_stream: bool) -> _Meaning:
    for sentence, meaning in _SENTENCES:
        if sentence in details:
            return meaning
    if mid_stream and status in _TRANSPORT:
        return _BROKEN_STREAM
    if mid_stream and status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return _TOO_SLOW
    return _STATUS_CODES.get(status, _UNKNOWN)


def stalled(endpoint: str, limit_s: float, received: int) -> HoldfastError:
    return TransientError(
        "etcd_stream_stalled",
        f"{endpoint}: no data for {limit_s:g} s after {received} bytes of the snapshot",
        hint="The member or the network stopped in mid-stream; the next run chooses a member that answers.",
    )
