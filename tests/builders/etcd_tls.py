"""Credentials for etcd from certificates of our own making."""

from holdfast.local.pki import CertificateAuthority, KeyPair
from holdfast.models.credentials import EtcdTls


def tls_of(authority: CertificateAuthority, client: KeyPair) -> EtcdTls:
    return EtcdTls.model_validate({"ca": authority.certificate, "cert": client.certificate, "key": client.key})
