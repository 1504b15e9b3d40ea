"""Certificates as node/bundle.sh collects them: "# <path>" lines, each followed by PEM blocks."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from holdfast.models.node import Certificate

LIMIT_BYTES = 1 << 20
# kubelet's user, and what may be the name of a node (RFC 1123).
_KUBELET = "system:node:"
_NODE = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----")


def read_certificates(text: str) -> tuple[Certificate, ...]:
    """One row per certificate, in the text's order. A block that is none is left out: the bundle holds the file anyway,
    and a restore needs to know what expires, not what never was a certificate."""
    found: list[Certificate] = []
    for section in re.split(r"^# ", text[:LIMIT_BYTES], flags=re.MULTILINE)[1:]:
        path, _, body = section.partition("\n")
        found += [each for block in _BLOCK.findall(body) if (each := _certificate(path.strip(), block))]
    return tuple(found)


def node_of_kubelet(text: str) -> str:
    """The name of the node that the first certificate is for, as its kubelet shows it; "" for any other text."""
    block = _BLOCK.search(text[:LIMIT_BYTES])
    if not block:
        return ""
    try:
        with _old_serials():
            names = x509.load_pem_x509_certificate(block[0].encode()).subject.get_attributes_for_oid(
                NameOID.COMMON_NAME
            )
    except ValueError:
        return ""
    user = str(names[0].value) if names else ""
    name = user.removeprefix(_KUBELET)
    return name if user.startswith(_KUBELET) and _NODE.fullmatch(name) else ""


@contextmanager
def _old_serials() -> Iterator[None]:
    """kubeadm's etcd CA has serial number 0 (seen: 1.20), which is announced to be refused one day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _certificate(path: str, pem: str) -> Certificate | None:
    with _old_serials():
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            subject = certificate.subject.rfc4514_string()
            not_after = certificate.not_valid_after_utc.astimezone(UTC)
            return Certificate(path=path, subject=subject[:200], not_after=not_after, is_ca=_is_ca(certificate))
        except ValueError:
            return None


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
