"""What keeps Holdfast from talking to a real etcd, and the code that each case gets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from builders.etcd_tls import tls_of
from holdfast.errors import HoldfastError, PermanentError, RefusedError, TransientError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.pki import issue_ca
from holdfast.models.credentials import EtcdTls

HASTY = EtcdDeadlines(call_s=1.0, stall_s=1.0)


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    with LocalEtcd.start(tmp_path_factory.mktemp("etcd")) as cluster:
        yield cluster


def facts_error(etcd: LocalEtcd, tls: EtcdTls, server_name: str | None = None) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        GrpcEtcdCluster(etcd.endpoints, tls, server_name=server_name).facts()
    return caught.value


def test_a_wrong_authority_is_told_from_every_endpoint(etcd: LocalEtcd) -> None:
    error = facts_error(etcd, tls_of(issue_ca("another"), etcd.authority.issue_client()))
    assert type(error) is PermanentError
    assert error.code == "etcd_untrusted"
    assert all(endpoint in error.message for endpoint in etcd.endpoints)


def test_a_wrong_authority_stops_a_snapshot_with_the_same_code(etcd: LocalEtcd) -> None:
    client = GrpcEtcdCluster(etcd.endpoints, tls_of(issue_ca("another"), etcd.authority.issue_client()))
    with pytest.raises(PermanentError) as caught, client.snapshot(etcd.endpoints[0]) as blobs:
        next(blobs)
    assert caught.value.code == "etcd_untrusted"


def test_a_client_certificate_of_another_authority_is_rejected_by_the_member(etcd: LocalEtcd) -> None:
    error = facts_error(etcd, tls_of(etcd.authority, issue_ca("another").issue_client()))
    assert type(error) is PermanentError
    assert error.code == "etcd_client_certificate_rejected"


def test_an_expired_client_certificate_is_seen_before_connecting(etcd: LocalEtcd) -> None:
    expired = tls_of(etcd.authority, etcd.authority.issue_client(days=-1))
    nowhere = GrpcEtcdCluster(["https://127.0.0.1:1"], expired)
    with pytest.raises(PermanentError) as caught:
        nowhere.facts()
    assert caught.value.code == "etcd_client_certificate_expired"
    assert "expired at" in caught.value.message


def test_an_expired_client_certificate_is_rejected_where_our_clock_is_behind(etcd: LocalEtcd) -> None:
    expired = tls_of(etcd.authority, etcd.authority.issue_client(days=-1))
    slow_clock = GrpcEtcdCluster(etcd.endpoints, expired, now=lambda: datetime.now(UTC) - timedelta(days=2))
    with pytest.raises(PermanentError) as caught:
        slow_clock.facts()
    assert caught.value.code == "etcd_client_certificate_rejected"


def test_a_name_that_the_certificate_does_not_carry_is_named(etcd: LocalEtcd) -> None:
    error = facts_error(etcd, etcd.tls, server_name="etcd.example")
    assert error.code == "etcd_name_mismatch"
    assert "etcd.example" in error.message


def test_a_server_name_stands_in_for_the_endpoints_host(etcd: LocalEtcd) -> None:
    facts = GrpcEtcdCluster(etcd.endpoints, etcd.tls, server_name="localhost").facts()
    assert len(facts.statuses) == 3


def test_a_closed_port_is_worth_another_try(etcd: LocalEtcd) -> None:
    with pytest.raises(TransientError) as caught:
        GrpcEtcdCluster(["https://127.0.0.1:1"], etcd.tls).facts()
    assert caught.value.code == "etcd_unreachable"
    assert "refused" in caught.value.message


@contextmanager
def listener(answer: bytes) -> Iterator[str]:
    """A TCP port that says `answer` to whoever talks to it, or nothing at all."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(1)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        if answer:
            threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_a_port_that_accepts_and_stays_silent_is_a_timeout(etcd: LocalEtcd) -> None:
    with listener(b"") as endpoint, pytest.raises(TransientError) as caught:
        GrpcEtcdCluster([endpoint], etcd.tls, deadlines=HASTY).facts()
    assert caught.value.code == "etcd_timeout"


def test_a_port_without_tls_is_told_from_a_certificate_problem(etcd: LocalEtcd) -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as endpoint, pytest.raises(PermanentError) as caught:
        GrpcEtcdCluster([endpoint], etcd.tls, deadlines=HASTY).facts()
    assert caught.value.code == "etcd_not_tls"


def test_endpoints_that_fail_differently_are_all_named(etcd: LocalEtcd) -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain, pytest.raises(TransientError) as caught:
        GrpcEtcdCluster([plain, "https://127.0.0.1:1"], etcd.tls, deadlines=HASTY).facts()
    assert caught.value.code == "etcd_no_endpoint_answers"
    assert "etcd_not_tls" in caught.value.message
    assert "etcd_unreachable" in caught.value.message


def test_an_endpoint_that_fails_is_a_row_beside_those_that_answer(etcd: LocalEtcd) -> None:
    facts = GrpcEtcdCluster([*etcd.endpoints, "https://127.0.0.1:1"], etcd.tls).facts()
    assert len(facts.statuses) == 3
    assert [(row.endpoint, row.code) for row in facts.failures] == [("https://127.0.0.1:1", "etcd_unreachable")]
    assert facts.failures[0].hint


def test_endpoints_of_two_clusters_are_refused(etcd: LocalEtcd) -> None:
    with (
        LocalEtcd.start(etcd.folder / "twin", members=1, authority=etcd.authority) as twin,
        pytest.raises(RefusedError) as caught,
    ):
        GrpcEtcdCluster([*etcd.endpoints, *twin.endpoints], etcd.tls).facts()
    assert caught.value.code == "etcd_clusters_differ"


def test_with_authentication_on_only_a_root_user_may_take_a_snapshot(etcd: LocalEtcd) -> None:
    with LocalEtcd.start(etcd.folder / "auth", members=1) as guarded:
        endpoint = guarded.endpoints[0]
        guarded.writer().put(b"/a", b"1")
        for command in ("user add root:secret", "user grant-role root root", "user add holdfast:secret", "auth enable"):
            guarded.etcdctl(*command.split())

        with pytest.raises(PermanentError) as caught, guarded.client().snapshot(endpoint) as blobs:
            list(blobs)
        assert caught.value.code == "etcd_permission_denied"
        with pytest.raises(PermanentError) as caught:
            guarded.client().key_count(endpoint, "")
        assert caught.value.code == "etcd_permission_denied"
        assert len(guarded.client().facts().statuses) == 1

        root = GrpcEtcdCluster([endpoint], tls_of(guarded.authority, guarded.authority.issue_client("root")))
        with root.snapshot(endpoint) as blobs:
            assert len(list(blobs)[-1]) == 32
        assert root.key_count(endpoint, "") == 1
