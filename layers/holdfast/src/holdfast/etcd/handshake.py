"""Why a connection failed, found out with a plain TLS handshake.

gRPC says UNAVAILABLE for a closed port, a foreign certificate and a refused client alike, and its details differ from
release to release. A second handshake with Python's own ssl names the reason. It sends no request.
"""

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.etcd.connection import Dial, name_of, way_to
from holdfast.models.credentials import EtcdTls

_NAME_MISMATCH_CODES = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
# Alerts about a certificate, in OpenSSL's names; Go's servers (etcd) say BAD_CERTIFICATE to nearly all.
_CERTIFICATE_ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR")
# A server that accepted the client certificate says something or waits; a refusal arrives at once.
_REFUSAL_WAIT_S = 1.0


def connection_failure(
    endpoint: str, tls: EtcdTls, server_name: str | None, timeout_s: float, dial: Dial | None = None
) -> HoldfastError | None:
    """The reason why no TLS connection to `endpoint` comes about; None when one does."""
    name = name_of(endpoint, server_name)
    try:
        with way_to(endpoint, dial) as where, socket.create_connection(where, timeout=timeout_s) as plain:
            context = _context(tls)
            with context.wrap_socket(plain, server_hostname=name) as secure:
                return _refusal_after_handshake(endpoint, secure)
    except HoldfastError as error:  # of `dial`: it knows best what is wrong with its way
        return error
    except ssl.SSLCertVerificationError as error:
        return _untrusted(endpoint, error)
    except ssl.SSLError as error:
        return _handshake_failure(endpoint, error)
    except TimeoutError:
        return TransientError(
            "etcd_timeout",
            f"{endpoint}: no TLS connection within {timeout_s:g} s",
            hint="Packets to the port are dropped (security group, firewall), or the member hangs.",
        )
    except OSError as error:
        return TransientError(
            "etcd_unreachable",
            f"{endpoint}: {error.strerror or error}",
            hint="Check that etcd runs there, and the endpoint, the route and the security groups to its port.",
        )


def _refusal_after_handshake(endpoint: str, secure: ssl.SSLSocket) -> HoldfastError | None:
    """In TLS 1.3 the client is done before the server saw its certificate: the refusal comes as the first data."""
    secure.settimeout(_REFUSAL_WAIT_S)
    try:
        secure.recv(1)
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        return _handshake_failure(endpoint, error)
    return None


def _handshake_failure(endpoint: str, error: ssl.SSLError) -> HoldfastError:
    if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
        return PermanentError(
            "etcd_not_tls",
            f"{endpoint}: the port does not speak TLS",
            hint="Name etcd's TLS client port (usually 2379), not its metrics port.",
        )
    if any(alert in (error.reason or "") for alert in _CERTIFICATE_ALERTS):
        reason = (error.reason or "").replace("_", " ").lower()
        return PermanentError(
            "etcd_client_certificate_rejected",
            f"{endpoint}: the member does not accept our client certificate ({reason})",
            hint="Issue one from etcd's own authority with client usage, and check the member's clock.",
        )
    return PermanentError("etcd_handshake_failed", f"{endpoint}: {error.reason or error}", hint="See the member's log.")


def _untrusted(endpoint: str, error: ssl.SSLCertVerificationError) -> HoldfastError:
    if error.verify_code in _NAME_MISMATCH_CODES:
        return PermanentError(
            "etcd_name_mismatch",
            f"{endpoint}: {error.verify_message}",
            hint="Set transport.server_name to a name in the member's certificate.",
        )
    return PermanentError(
        "etcd_untrusted",
        f"{endpoint}: the member's certificate is not accepted: {error.verify_message}",
        hint="The secret's `ca` must be the authority that signed etcd's server certificates (kubeadm: etcd/ca.crt).",
    )


def _context(tls: EtcdTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As gRPC's TLS does: any certificate in `ca` is a root, an intermediate one too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=tls.ca.get_secret_value())
    context.set_alpn_protocols(["h2"])
    with _in_a_file(tls.cert.get_secret_value() + "\n" + tls.key.get_secret_value()) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def _in_a_file(text: str) -> Iterator[str]:
    """ssl takes a private key only as a path. On Linux that is memory which never reaches a disk."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("client", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        yield file.name
