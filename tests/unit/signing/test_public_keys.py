"""Public keys as a person configures them."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.errors import InvalidInputError
from holdfast.signing.memory import MemorySigningKey
from holdfast.signing.public_keys import fits, pem, read_trusted

DIGEST = hashlib.sha256(b"x").digest()


def test_what_signing_key_prints_can_be_trusted() -> None:
    first, second = MemorySigningKey().public_key(), MemorySigningKey().public_key()
    assert read_trusted(pem(first) + pem(second)) == (first, second)
    assert read_trusted("") == ()


def test_line_feeds_that_became_spaces_do_no_harm() -> None:
    key = MemorySigningKey().public_key()
    assert read_trusted(f"  {pem(key).replace(chr(10), ' ')} ") == (key,)


def other_curve() -> bytes:
    key = generate_private_key(SECP384R1()).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:kms:eu-central-1:1:key/a",
        pem(MemorySigningKey().public_key())[:-10],
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
        pem(other_curve()),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_anything_else_is_invalid_and_not_ignored(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_trusted(text)
    assert caught.value.code == "trusted_keys_invalid"


@pytest.mark.parametrize("key", [b"", b"\x30", base64.b64decode("AAAA"), other_curve()])
def test_a_key_that_is_none_fits_nothing(key: bytes) -> None:
    assert not fits(key, DIGEST, MemorySigningKey().sign(DIGEST))
