"""The probe that explains a failed connection, against servers of Python's own ssl in both versions of TLS."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builders.etcd_tls import tls_of
from holdfast.errors import HoldfastError
from holdfast.etcd.handshake import connection_failure
from holdfast.local.pki import KeyPair, issue_ca

AUTHORITY = issue_ca()
STRANGER = issue_ca("another")
GOOD = tls_of(AUTHORITY, AUTHORITY.issue_client())
BOTH_VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@contextmanager
def server(folder: Path, pair: KeyPair, version: ssl.TLSVersion) -> Iterator[str]:
    """Wants a client certificate of AUTHORITY, and then waits for the client to speak, as etcd does."""
    file = folder / "pair.pem"
    file.write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.load_verify_locations(cadata=AUTHORITY.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(1)
            except OSError:
                plain.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def code_of(failure: HoldfastError | None) -> str:
    return failure.code if failure else ""


@BOTH_VERSIONS
def test_a_connection_that_works_has_no_failure(tmp_path: Path, version: ssl.TLSVersion) -> None:
    with server(tmp_path, AUTHORITY.issue_member("etcd"), version) as endpoint:
        assert connection_failure(endpoint, GOOD, None, 5.0) is None


@BOTH_VERSIONS
def test_a_refused_client_certificate_is_named(tmp_path: Path, version: ssl.TLSVersion) -> None:
    client = tls_of(AUTHORITY, STRANGER.issue_client())
    with server(tmp_path, AUTHORITY.issue_member("etcd"), version) as endpoint:
        assert code_of(connection_failure(endpoint, client, None, 5.0)) == "etcd_client_certificate_rejected"


@BOTH_VERSIONS
def test_an_expired_client_certificate_is_refused_too(tmp_path: Path, version: ssl.TLSVersion) -> None:
    client = tls_of(AUTHORITY, AUTHORITY.issue_client(days=-1))
    with server(tmp_path, AUTHORITY.issue_member("etcd"), version) as endpoint:
        assert code_of(connection_failure(endpoint, client, None, 5.0)) == "etcd_client_certificate_rejected"


@BOTH_VERSIONS
def test_a_member_of_another_authority_is_not_trusted(tmp_path: Path, version: ssl.TLSVersion) -> None:
    with server(tmp_path, STRANGER.issue_member("etcd"), version) as endpoint:
        assert code_of(connection_failure(endpoint, GOOD, None, 5.0)) == "etcd_untrusted"


@BOTH_VERSIONS
def test_a_members_expired_certificate_is_not_trusted_and_the_message_says_why(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with server(tmp_path, AUTHORITY.issue_member("etcd", days=-1), version) as endpoint:
        failure = connection_failure(endpoint, GOOD, None, 5.0)
    assert code_of(failure) == "etcd_untrusted"
    assert failure is not None
    assert "expired" in failure.message
