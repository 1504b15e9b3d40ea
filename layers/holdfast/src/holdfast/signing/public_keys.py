"""Public keys: reading them as they are configured, and checking a signature against one. No call leaves this process.

SubjectPublicKeyInfo: RFC 5480; its PEM form: RFC 7468.
"""

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from holdfast.errors import InvalidInputError

_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----")


def read_trusted(text: str) -> tuple[bytes, ...]:
    """The keys of PEM blocks, as DER; none for an empty text. Line feeds may have become spaces, as they do in a
    parameter of a stack. InvalidInputError `trusted_keys_invalid`."""
    if _BLOCK.sub("", text).strip():
        raise _invalid("there is something beside PEM blocks of public keys")
    return tuple(_der_of(block) for block in _BLOCK.findall(text))


def _der_of(block: str) -> bytes:
    try:
        der = base64.b64decode("".join(block.split()), validate=True)
    except binascii.Error as error:
        raise _invalid("a block is no base64") from error
    if not is_p256(der):
        raise _invalid("a block is no public key of the curve P-256")
    return der


def _invalid(why: str) -> InvalidInputError:
    return InvalidInputError(
        "trusted_keys_invalid",
        f"the public keys that are to be trusted cannot be read: {why}",
        hint="Put what holdfast backup signing-key prints there, one block after the other.",
    )


def is_p256(der: bytes) -> bool:
    return _p256(der) is not None


def _p256(der: bytes) -> EllipticCurvePublicKey | None:
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


def fits(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `signature` (DER) over `digest` (SHA-256) was made by the private half of `public_key` (DER)."""
    key = _p256(public_key)
    if key is None:
        return False
    try:
        key.verify(signature, digest, ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def pem(public_key: bytes) -> str:
    """As openssl reads it, with a line feed at its end."""
    return load_der_public_key(public_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
