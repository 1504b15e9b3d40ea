"""Every call that gRPC fails has one family and one code, and the message says which endpoint it was."""

import grpc
import pytest

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.etcd.failures import failure_of, stalled

ENDPOINT = "https://10.0.0.1:2379"


class Answer(grpc.RpcError):
    """An error as a gRPC call raises it."""

    def __init__(self, code: grpc.StatusCode, details: str | None) -> None:
        super().__init__()
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str | None:
        return self._details


Status = grpc.StatusCode
CASES: list[tuple[grpc.StatusCode, str | None, type[HoldfastError], str]] = [
    (Status.UNAVAILABLE, "etcdserver: no leader", TransientError, "etcd_no_leader"),
    (
        Status.UNAVAILABLE,
        "etcdserver: request timed out, possibly due to connection lost",
        TransientError,
        "etcd_timeout",
    ),
    (Status.UNAVAILABLE, "etcdserver: rpc not supported for learner", PermanentError, "etcd_learner_refuses"),
    (Status.UNAVAILABLE, "failed to connect to all addresses", TransientError, "etcd_unreachable"),
    (Status.DEADLINE_EXCEEDED, "Deadline Exceeded", TransientError, "etcd_timeout"),
    (Status.PERMISSION_DENIED, "etcdserver: permission denied", PermanentError, "etcd_permission_denied"),
    (Status.INVALID_ARGUMENT, "etcdserver: user name is empty", PermanentError, "etcd_permission_denied"),
    (Status.UNAUTHENTICATED, "etcdserver: invalid auth token", PermanentError, "etcd_permission_denied"),
    (Status.UNKNOWN, "auth: user not found", PermanentError, "etcd_permission_denied"),
    (Status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", PermanentError, "etcd_space_exceeded"),
    (Status.RESOURCE_EXHAUSTED, "etcdserver: too many requests", TransientError, "etcd_overloaded"),
    (
        Status.RESOURCE_EXHAUSTED,
        "CLIENT: Received message larger than max (70000000 vs. 67108864)",
        PermanentError,
        "etcd_message_too_large",
    ),
    (Status.RESOURCE_EXHAUSTED, "", TransientError, "etcd_overloaded"),
    (Status.DATA_LOSS, "etcdserver: corrupt cluster", PermanentError, "etcd_corrupt"),
    (Status.UNIMPLEMENTED, "unknown service etcdserverpb.Maintenance", PermanentError, "etcd_unimplemented"),
    (Status.CANCELLED, "CANCELLED", TransientError, "etcd_stream_broken"),
    (Status.UNKNOWN, "something new", PermanentError, "etcd_error"),
    (Status.INTERNAL, None, PermanentError, "etcd_error"),
]


@pytest.mark.parametrize(("status", "details", "family", "code"), CASES)
def test_each_answer_has_its_family_and_code(
    status: grpc.StatusCode, details: str | None, family: type[HoldfastError], code: str
) -> None:
    error = failure_of(ENDPOINT, Answer(status, details))
    assert (type(error), error.code) == (family, code)
    assert error.hint


def test_the_message_names_the_endpoint_and_etcds_own_words() -> None:
    error = failure_of(ENDPOINT, Answer(Status.UNKNOWN, "something new"))
    assert error.message == f"{ENDPOINT}: something new"


def test_without_details_the_message_names_the_status() -> None:
    assert failure_of(ENDPOINT, Answer(Status.INTERNAL, None)).message == f"{ENDPOINT}: INTERNAL"


@pytest.mark.parametrize("status", [Status.UNAVAILABLE, Status.INTERNAL, Status.UNKNOWN, Status.CANCELLED])
def test_in_mid_stream_the_transports_errors_mean_a_broken_stream(status: grpc.StatusCode) -> None:
    error = failure_of(ENDPOINT, Answer(status, "Received RST_STREAM with error code 2"), mid_stream=True)
    assert (type(error), error.code) == (TransientError, "etcd_stream_broken")


def test_in_mid_stream_etcds_own_words_still_count() -> None:
    error = failure_of(ENDPOINT, Answer(Status.UNKNOWN, "etcdserver: permission denied"), mid_stream=True)
    assert error.code == "etcd_permission_denied"


def test_a_stream_that_outlasts_its_deadline_is_not_tried_again() -> None:
    error = failure_of(ENDPOINT, Answer(Status.DEADLINE_EXCEEDED, "Deadline Exceeded"), mid_stream=True)
    assert (type(error), error.code) == (PermanentError, "etcd_stream_too_slow")


def test_a_stalled_stream_says_how_long_and_how_far() -> None:
    error = stalled(ENDPOINT, 30.0, 4096)
    assert (type(error), error.code) == (TransientError, "etcd_stream_stalled")
    assert "no data for 30 s after 4096 bytes" in error.message
