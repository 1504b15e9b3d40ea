"""Credentials that cannot work are refused where they are stored, not at night, and are never printed."""

import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pydantic import ValidationError

from holdfast.local.pki import issue_ca
from holdfast.models.credentials import EtcdTls

AUTHORITY = issue_ca()
CLIENT = AUTHORITY.issue_client(days=10)
GOOD = {"ca": AUTHORITY.certificate, "cert": CLIENT.certificate, "key": CLIENT.key}


def complaint(**changes: str) -> str:
    with pytest.raises(ValidationError) as caught:
        EtcdTls.model_validate(GOOD | changes)
    return str(caught.value)


def test_a_matching_set_is_accepted() -> None:
    assert EtcdTls.model_validate(GOOD).cert.get_secret_value() == CLIENT.certificate


def test_the_serial_number_0_of_kubeadms_own_authorities_is_accepted() -> None:
    authority = (Path(__file__).resolve().parents[2] / "data" / "kubeadm-1.20-ca.crt").read_text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tls = EtcdTls.model_validate(GOOD | {"ca": authority})
    assert tls.ca.get_secret_value() == authority


def test_the_expiry_of_the_client_certificate_can_be_read() -> None:
    left = EtcdTls.model_validate(GOOD).client_not_after - datetime.now(UTC)
    assert timedelta(days=9) < left <= timedelta(days=10)


def test_a_chain_is_accepted_with_the_clients_own_certificate_first() -> None:
    tls = EtcdTls.model_validate(GOOD | {"cert": CLIENT.certificate + AUTHORITY.certificate})
    assert tls.client_not_after == EtcdTls.model_validate(GOOD).client_not_after


@pytest.mark.parametrize("field", ["ca", "cert", "key"])
def test_text_that_is_no_pem_is_refused_by_field(field: str) -> None:
    assert field in complaint(**{field: "/etc/kubernetes/pki/etcd/ca.crt"})


def test_a_certificate_and_a_key_in_each_others_place_are_refused() -> None:
    assert "BEGIN CERTIFICATE" in complaint(cert=CLIENT.key, key=CLIENT.certificate)


def test_broken_pem_is_refused() -> None:
    assert "no X.509 certificate" in complaint(cert="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def test_a_key_of_another_certificate_is_refused() -> None:
    assert "does not belong" in complaint(key=AUTHORITY.issue_client().key)


def test_an_encrypted_key_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    assert "encrypted" in complaint(key=pem)


def test_no_part_of_it_shows_when_printed_or_refused() -> None:
    body = CLIENT.key.splitlines()[1]
    assert body not in repr(EtcdTls.model_validate(GOOD))
    assert body not in EtcdTls.model_validate(GOOD).model_dump_json()
    assert body not in complaint(cert="nonsense")
