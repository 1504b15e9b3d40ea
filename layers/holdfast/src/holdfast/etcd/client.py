"""`EtcdCluster` over gRPC with mutual TLS. Each operation opens and closes its own channel: nothing outlives a call."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import grpc
from google.protobuf.message import Message

from holdfast.errors import HoldfastError, InvalidInputError, PermanentError, RefusedError, error_of_all
from holdfast.etcd import methods
from holdfast.etcd import rpc_pb2 as rpc
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.connection import Dial, open_channel
from holdfast.etcd.failures import failure_of
from holdfast.etcd.handshake import connection_failure
from holdfast.etcd.messages import alarms_from, alarms_in_statuses, members_from, status_from
from holdfast.etcd.stream import snapshot_stream
from holdfast.models.credentials import EtcdTls
from holdfast.models.etcd import Alarm, EndpointFailure, EtcdFacts, HashKV, Member, MemberStatus


class GrpcEtcdCluster:
    """`server_name` is the name that the members' certificates must carry when it is not the endpoints' own host.

    `dial` says where an endpoint is really connected to; whatever it says, the name to be proven stays the endpoint's.
    It is called for every operation, from several threads, and may raise errors of our tree.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        tls: EtcdTls,
        *,
        server_name: str | None = None,
        dial: Dial | None = None,
        deadlines: EtcdDeadlines | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._tls = tls
        self._server_name = server_name
        self._dial = dial
        self._deadlines = deadlines or EtcdDeadlines()
        self._now = now

    def facts(self) -> EtcdFacts:
        self._refuse_expired_certificate()
        with ThreadPoolExecutor(len(self._endpoints)) as pool:
            answers = list(pool.map(self._status_or_error, self._endpoints))
        statuses = tuple(answer[1] for answer in answers if not isinstance(answer, HoldfastError))
        failed = {
            endpoint: answer
            for endpoint, answer in zip(self._endpoints, answers, strict=True)
            if isinstance(answer, HoldfastError)
        }
        if not statuses:
            raise _nobody_answers(list(failed.values()))
        cluster_ids = {answer[0] for answer in answers if not isinstance(answer, HoldfastError)}
        if len(cluster_ids) > 1:
            raise _clusters_differ(cluster_ids)
        failures = [EndpointFailure.of(endpoint, error) for endpoint, error in failed.items()]
        members = self._first_answer(statuses, self._members, failures)
        with_leader = tuple(status for status in statuses if status.leader_id != "0")
        asked = self._first_answer(with_leader, self._alarms, failures)
        alarms = alarms_in_statuses(statuses) | set(asked)
        return EtcdFacts(
            cluster_id=cluster_ids.pop(),
            statuses=statuses,
            failures=tuple(failures),
            members=tuple(members),
            alarms=tuple(sorted(alarms, key=lambda alarm: (alarm.member_id, alarm.kind))),
            client_certificate_left=self._tls.client_not_after - self._now(),
        )

    @contextmanager
    def snapshot(self, endpoint: str) -> Iterator[Iterator[bytes]]:
        self._refuse_unknown(endpoint)
        self._refuse_expired_certificate()
        with (
            open_channel(endpoint, self._tls, self._server_name, self._dial) as channel,
            snapshot_stream(
                channel,
                endpoint,
                stall_s=self._deadlines.stall_s,
                total_s=self._deadlines.snapshot_s,
                explain=lambda failure: self._explained(endpoint, failure),
            ) as blobs,
        ):
            yield blobs

    def hash_kv(self, endpoint: str, revision: int) -> HashKV:
        request = rpc.HashKVRequest(revision=revision)
        answer = self._ask(endpoint, methods.HASH_KV, request, self._deadlines.hash_s)
        return HashKV(
            hash=answer.hash, revision=revision or answer.header.revision, compact_revision=answer.compact_revision
        )

    def key_count(self, endpoint: str, prefix: str, *, revision: int = 0) -> int:
        key, range_end = methods.key_range(prefix.encode())
        request = rpc.RangeRequest(key=key, range_end=range_end, revision=revision, count_only=True, serializable=True)
        return self._ask(endpoint, methods.RANGE, request, self._deadlines.hash_s).count

    def _ask[Q: Message, R: Message](
        self, endpoint: str, method: methods.Unary[Q, R], request: Q, timeout_s: float
    ) -> R:
        self._refuse_unknown(endpoint)
        self._refuse_expired_certificate()
        with open_channel(endpoint, self._tls, self._server_name, self._dial) as channel:
            try:
                return method.on(channel)(request, timeout=timeout_s)
            except grpc.RpcError as error:
                raise self._explained(endpoint, failure_of(endpoint, error)) from error

    def _status_or_error(self, endpoint: str) -> tuple[str, MemberStatus] | HoldfastError:
        try:
            answer = self._ask(endpoint, methods.STATUS, rpc.StatusRequest(), self._deadlines.call_s)
        except HoldfastError as error:
            return error
        return f"{answer.header.cluster_id:x}", status_from(endpoint, answer)

    def _members(self, endpoint: str) -> tuple[Member, ...]:
        # linearizable = false: the member's own copy of the list, which it has without quorum too.
        request = rpc.MemberListRequest(linearizable=False)
        return members_from(self._ask(endpoint, methods.MEMBER_LIST, request, self._deadlines.call_s))

    def _alarms(self, endpoint: str) -> tuple[Alarm, ...]:
        # Goes through consensus, so it is asked only of members that know a leader.
        return tuple(alarms_from(self._ask(endpoint, methods.ALARM, rpc.AlarmRequest(), self._deadlines.call_s)))

    def _first_answer[T](
        self,
        statuses: tuple[MemberStatus, ...],
        question: Callable[[str], tuple[T, ...]],
        failures: list[EndpointFailure],
    ) -> tuple[T, ...]:
        """Voting and most advanced members first; whoever fails to answer this becomes a row in `failures`."""
        for status in sorted(statuses, key=lambda status: (status.is_learner, -status.raft_applied_index)):
            try:
                return question(status.endpoint)
            except HoldfastError as error:
                failures.append(EndpointFailure.of(status.endpoint, error))
        return ()

    def _explained(self, endpoint: str, failure: HoldfastError) -> HoldfastError:
        if failure.code != "etcd_unreachable":
            return failure
        return self._why_not(endpoint) or failure

    def _why_not(self, endpoint: str) -> HoldfastError | None:
        return connection_failure(endpoint, self._tls, self._server_name, self._deadlines.call_s, self._dial)

    def _refuse_unknown(self, endpoint: str) -> None:
        if endpoint not in self._endpoints:
            raise InvalidInputError(
                "etcd_endpoint_unknown",
                f"{endpoint} is not an endpoint of this cluster",
                hint=f"Known are: {', '.join(self._endpoints)}.",
            )

    def _refuse_expired_certificate(self) -> None:
        expiry = self._tls.client_not_after
        if expiry <= self._now():
            raise PermanentError(
                "etcd_client_certificate_expired",
                f"the client certificate for etcd expired at {expiry:%Y-%m-%dT%H:%M:%SZ}",
                hint="Issue a new one from etcd's authority and store it in the cluster's secret.",
            )


def _nobody_answers(errors: list[HoldfastError]) -> HoldfastError:
    told = [(error.code, error.message) for error in errors]
    hint = "Each endpoint's reason has its own code in the message."
    return error_of_all("etcd_no_endpoint_answers", told, errors, hint=hint)


def _clusters_differ(cluster_ids: set[str]) -> HoldfastError:
    return RefusedError(
        "etcd_clusters_differ",
        f"the endpoints belong to different etcd clusters: {', '.join(sorted(cluster_ids))}",
        hint="Name the endpoints of one cluster only; a restored member may still carry an old address.",
    )
