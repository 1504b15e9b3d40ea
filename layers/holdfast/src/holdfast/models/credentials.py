"""Credentials once they are read. What a `ClusterSpec` holds is only the name of the secret that these come from."""

import re
import ssl
from datetime import datetime
from typing import Annotated, Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pydantic import AfterValidator, SecretStr, model_validator

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
        own = _own_certificate(self.cert)
        try:
            key = serialization.load_pem_private_key(self.key.get_secret_value().encode(), password=None)
        except TypeError as error:
            raise ValueError("key is encrypted; etcd clients need it unencrypted") from error
        except ValueError as error:
            raise ValueError("key holds PEM text that is no private key") from error
        if key.public_key() != own.public_key():
            raise ValueError("key does not belong to the certificate in cert")
        return self

    @property
    def client_not_after(self) -> datetime:
        """When the client certificate expires, in UTC."""
        return _own_certificate(self.cert).not_valid_after_utc
