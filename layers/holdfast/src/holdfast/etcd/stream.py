"""Reading Maintenance.Snapshot: every blob to the end of the stream, and never waiting for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from holdfast.errors import HoldfastError
from holdfast.etcd import rpc_pb2 as rpc
from holdfast.etcd.failures import failure_of, stalled
from holdfast.etcd.methods import SNAPSHOT_PATH


@contextmanager
def snapshot_stream(
    channel: grpc.Channel,
    endpoint: str,
    *,
    stall_s: float,
    total_s: float,
    explain: Callable[[HoldfastError], HoldfastError],
) -> Iterator[Iterator[bytes]]:
    """`explain` may replace an error from before the first blob (a refused connection) with a more exact one."""
    call = channel.unary_stream(
        SNAPSHOT_PATH,
        request_serializer=rpc.SnapshotRequest.SerializeToString,
        response_deserializer=rpc.SnapshotResponse.FromString,
    )(rpc.SnapshotRequest(), timeout=total_s)
    guard = _StallGuard(stall_s, call.cancel)
    try:
        yield _blobs(iter(call), endpoint, guard, explain)
    finally:
        guard.stop()
        call.cancel()  # type: ignore[no-untyped-call]  # the stubs leave its result open


def _blobs(
    call: Iterator[rpc.SnapshotResponse],
    endpoint: str,
    guard: "_StallGuard",
    explain: Callable[[HoldfastError], HoldfastError],
) -> Iterator[bytes]:
    # The last data message and the hash message both say remaining_bytes = 0: only the end of the stream is the end.
    received = 0
    while True:
        guard.waiting()
        try:
            message = next(call, None)
        except grpc.RpcError as error:
            if guard.fired:
                raise stalled(endpoint, guard.limit_s, received) from error
            failure = failure_of(endpoint, error, mid_stream=received > 0)
            raise (failure if received else explain(failure)) from error
        guard.received()
        if message is None:
            return
        received += len(message.blob)
        yield message.blob


class _StallGuard:
    """Cancels a stream whose next message does not come in time.

    Only the time in which the reader waits counts, so a slow upload behind the reader is no stall. gRPC's deadline
    bounds the whole call, its keepalive notices a dead connection but not a member that hangs with its kernel alive.
    """

    def __init__(self, limit_s: float, cancel: Callable[[], object]) -> None:
        self.limit_s = limit_s
        self.fired = False
        self._cancel = cancel
        self._waiting_since: float | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="snapshot-stall-guard", daemon=True)
        self._thread.start()

    def waiting(self) -> None:
        self._waiting_since = time.monotonic()

    def received(self) -> None:
        self._waiting_since = None

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        tick = min(0.5, self.limit_s / 20)
        while not self._stopped.wait(tick):
            since = self._waiting_since
            if since is not None and time.monotonic() - since + tick >= self.limit_s:
                self.fired = True
                self._cancel()
                return
