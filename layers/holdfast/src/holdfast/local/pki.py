"""Certificates for local clusters: a certificate authority in memory, and what it issues.

Tests, the demo and the bench need real mutual TLS, and the broken kinds too (expired, another authority). Nothing here
is meant for a cluster that matters. Keys are P-256: issuing one takes about a millisecond.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
)
_BOTH_SIDES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
_CLIENT_SIDE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
_CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str


@dataclass(frozen=True)
class CertificateAuthority:
    certificate: str
    private_key: ec.EllipticCurvePrivateKey

    def issue_member(self, name: str, *, days: float = 30, address: str = "127.0.0.1") -> KeyPair:
        """For an etcd member: it serves clients, and is both server and client to its peers."""
        own = () if address == "127.0.0.1" else (x509.IPAddress(ipaddress.ip_address(address)),)
        return self._issue(_subject(name), _BOTH_SIDES, LOOPBACK_NAMES + own, timedelta(days=days))

    def issue_client(
        self, name: str = "holdfast", *, days: float = 30, group: str = "", groups: Iterable[str] = ()
    ) -> KeyPair:
        """For a client. Negative `days` give a certificate that expired that long ago; `group` is its organization,
        which an API server takes for the user's group, and so are `groups`."""
        return self._issue(_subject(name, *([group] if group else []), *groups), _CLIENT_SIDE, (), timedelta(days=days))

    def _issue(
        self, subject: x509.Name, usage: x509.ExtendedKeyUsage, names: tuple[x509.GeneralName, ...], life: timedelta
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.load_pem_x509_certificate(self.certificate.encode())
        not_after = datetime.now(UTC) + life
        builder = (
            _draft(subject, not_after)
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(_key_of(authority.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return KeyPair(_pem(builder.sign(self.private_key, hashes.SHA256())), _key_pem(key))


def issue_ca(name: str = "Holdfast local etcd CA") -> CertificateAuthority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    certificate = (
        _draft(subject, datetime.now(UTC) + timedelta(days=365))
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_authority_key_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return CertificateAuthority(_pem(certificate), key)


def _subject(name: str, *organizations: str) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    with warnings.catch_warnings():
        # Names of service accounts are longer than what X.520 allows; everybody reads them all the same.
        warnings.simplefilter("ignore", UserWarning)
        return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=len(name) <= 64)])


def _draft(subject: x509.Name, not_after: datetime) -> x509.CertificateBuilder:
    not_before = min(datetime.now(UTC) - _CLOCK_SLACK, not_after - timedelta(days=1))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _key_of(authority: CertificatePublicKeyTypes) -> x509.AuthorityKeyIdentifier:
    """RFC 5280 wants it in whatever an authority issues, and since Python 3.13 `ssl` refuses a certificate without."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority)  # type: ignore[arg-type]


def _authority_key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
