"""Secrets for one node's eyes: Systems Manager keeps a command's parameters, so they must hold nothing readable.

The node makes an RSA key for one step. A random password is encrypted with it (OAEP, SHA-256), the secrets with the
password, as `openssl enc -aes-256-cbc -md sha256 -pbkdf2 -iter 10000` would: "Salted__", 8 bytes of salt, the data;
key and IV are PBKDF2-HMAC-SHA256 of the password (openssl-enc(1), and apps/enc.c of OpenSSL 3). node/step.sh opens it.
There is no authentication code: whoever may change a command's parameters may run any command.
"""

import base64
import secrets
from binascii import Error as NoBase64
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from pydantic import SecretStr

from holdfast.errors import PermanentError
from holdfast.transports.steps import Sealed, assignments

ITERATIONS = 10_000
SMALLEST_KEY_BITS = 2048


def seal(where: str, values: Mapping[str, SecretStr], public_key: str) -> Sealed:
    """`public_key` is what the node answered: SubjectPublicKeyInfo, DER, base64. PermanentError `ssm_key_refused`."""
    key = _read(where, public_key)
    password = secrets.token_hex(32).encode()
    text = assignments({name: value.get_secret_value() for name, value in values.items()})
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return Sealed(
        password=base64.b64encode(key.encrypt(password, oaep)).decode(),
        data=base64.b64encode(_encrypt(password, text.encode())).decode(),
    )


def _read(where: str, public_key: str) -> rsa.RSAPublicKey:
    try:
        key = serialization.load_der_public_key(base64.b64decode(public_key, validate=True))
    except (ValueError, NoBase64, UnsupportedAlgorithm):
        raise _refused(where, "what the node sent is no public key") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < SMALLEST_KEY_BITS:
        raise _refused(where, f"the node's key is no RSA key of at least {SMALLEST_KEY_BITS} bits")
    return key


def _encrypt(password: bytes, data: bytes) -> bytes:
    salt = secrets.token_bytes(8)
    derived = PBKDF2HMAC(hashes.SHA256(), 48, salt, ITERATIONS).derive(password)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(derived[:32]), modes.CBC(derived[32:])).encryptor()
    padded = padder.update(data) + padder.finalize()
    return b"Salted__" + salt + encryptor.update(padded) + encryptor.finalize()


def _refused(where: str, what: str) -> PermanentError:
    return PermanentError(
        "ssm_key_refused",
        f"{where}: {what}; no secret was sent",
        hint="See which openssl the node has (openssl version).",
    )
