"""Credentials once they are read. What a `ClusterSpec` holds is only the name of the secret that these come from."""

import re
import ssl
from datetime import datetime
from typing import Annotated, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from pydantic import AfterValidator, Field, SecretStr, model_validator

from holdfast.models.base import Model


def _pem(label: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not re.search(rf"-----BEGIN (?:[A-Z]+ )?{label}-----", value.get_secret_value()):
            raise ValueError(f"is no PEM text: it needs a line -----BEGIN {label}-----")
        return value

    return AfterValidator(check)


def _own_certificate(pem: SecretStr) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem.get_secret_value().encode())[0]
    except ValueError as error:
        raise ValueError("cert holds PEM text that is no X.509 certificate") from error


def _check_authorities(pem: SecretStr) -> None:
    """By OpenSSL, which is what judges them later. `cryptography` objects to serial numbers of 0, and the CA that
    kubeadm made for etcd (seen: 1.20) has one."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem.get_secret_value())
    except ssl.SSLError as error:
        raise ValueError("ca holds PEM text that is no X.509 certificate") from error


def _check_pair(cert: SecretStr, pem: SecretStr) -> None:
    own = _own_certificate(cert)
    try:
        key = serialization.load_pem_private_key(pem.get_secret_value().encode(), password=None)
    except TypeError as error:
        raise ValueError("key is encrypted; it is needed unencrypted") from error
    except ValueError as error:
        raise ValueError("key holds PEM text that is no private key") from error
    if key.public_key() != own.public_key():
        raise ValueError("key does not belong to the certificate in cert")


class EtcdTls(Model):
    """Mutual TLS towards etcd: three PEM texts. All are secret to Holdfast, so that none of them ends up in a log.

    `ca` may hold several certificates, `cert` a chain with the client's own certificate first. The key must be
    unencrypted and belong to `cert`; a pair that does not match would show later as an unexplained handshake failure.
    """

    ca: Annotated[SecretStr, _pem("CERTIFICATE")]
    cert: Annotated[SecretStr, _pem("CERTIFICATE")]
    key: Annotated[SecretStr, _pem("PRIVATE KEY")]

    @model_validator(mode="after")
    def _key_belongs_to_certificate(self) -> Self:
        _check_authorities(self.ca)
        _check_pair(self.cert, self.key)
        return self

    @property
    def client_not_after(self) -> datetime:
        """When the client certificate expires, in UTC."""
        return _own_certificate(self.cert).not_valid_after_utc


class SshKey(Model):
    """A private key for SSH in any form that OpenSSH writes; `passphrase` when it is encrypted."""

    private_key: Annotated[SecretStr, _pem("PRIVATE KEY")]
    passphrase: SecretStr | None = None

    @model_validator(mode="after")
    def _opens(self) -> Self:
        pem = self.private_key.get_secret_value()
        load = serialization.load_ssh_private_key if "BEGIN OPENSSH" in pem else serialization.load_pem_private_key
        passphrase = self.passphrase.get_secret_value() if self.passphrase else ""
        try:
            load(pem.encode(), passphrase.encode() or None)
        except TypeError as error:
            raise ValueError("private_key is encrypted without a passphrase, or has one that it needs not") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError("private_key is no key that OpenSSH reads, or passphrase does not open it") from error
        return self


def _https(server: str) -> str:
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", server):
        raise ValueError("is no address of an API server: https://HOST[:PORT][/PATH]")
    return server.rstrip("/")


def _webhook_url(url: SecretStr) -> SecretStr:
    """Whoever knows it may post: it is never shown, and never sent in the clear."""
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[\x21-\x7e]*)?", url.get_secret_value()):
        raise ValueError("is no address of a webhook: https://HOST[:PORT]/PATH, without a user or a blank")
    return url


class Webhook(Model):
    """Where messages are posted to. `key` signs them (HMAC-SHA256), `ca` is PEM text of a private authority."""

    url: Annotated[SecretStr, AfterValidator(_webhook_url)]
    key: Annotated[SecretStr, Field(min_length=16)] | None = None
    ca: Annotated[SecretStr, _pem("CERTIFICATE")] | None = None

    @model_validator(mode="after")
    def _authority_is_readable(self) -> Self:
        if self.ca is not None:
            _check_authorities(self.ca)
        return self


def _one_line(token: SecretStr) -> SecretStr:
    """A token is passed on as it is; whitespace around it comes from the file that it was read from."""
    text = token.get_secret_value().strip()
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError("is no token: one line of printable characters without blanks")
    return SecretStr(text)


class KubernetesAccess(Model):
    """How to reach a cluster's API: `ca` is PEM text, None for the system's own authorities.

    Exactly one of `token` and the pair `cert`, `key` identifies us. Tokens are passed on as they are (OpenShift's
    sha256~…, EKS's k8s-aws-v1.…).
    """

    server: Annotated[str, AfterValidator(_https)]
    ca: Annotated[SecretStr, _pem("CERTIFICATE")] | None = None
    token: Annotated[SecretStr, AfterValidator(_one_line)] | None = None
    cert: Annotated[SecretStr, _pem("CERTIFICATE")] | None = None
    key: Annotated[SecretStr, _pem("PRIVATE KEY")] | None = None
    server_name: str | None = None

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.ca is not None:
            _check_authorities(self.ca)
        if (self.cert is None) != (self.key is None):
            raise ValueError("a client certificate and its key come together")
        if (self.token is None) == (self.cert is None):
            raise ValueError("either a token or a client certificate identifies us")
        if self.cert is not None and self.key is not None:
            _check_pair(self.cert, self.key)
        return self
