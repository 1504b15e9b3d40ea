"""The private key of a secret as paramiko takes it."""

import io

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from holdfast.errors import PermanentError
from holdfast.models.credentials import SshKey


def private_key(secret: SshKey) -> paramiko.PKey:
    """PermanentError `ssh_key_unusable`. Raised outside of the `except`: what a parser says may quote what it read.

    paramiko reads two of the three forms that OpenSSH writes (not PKCS #8), so it is given the one of OpenSSH's own.
    """
    pem = secret.private_key.get_secret_value()
    passphrase = secret.passphrase.get_secret_value().encode() if secret.passphrase else None
    load = load_ssh_private_key if "BEGIN OPENSSH" in pem else load_pem_private_key
    why = "it is of a kind that is not supported; ed25519, ECDSA and RSA are"
    try:
        loaded = load(pem.encode(), passphrase)
    except TypeError:
        why = "it needs no passphrase" if passphrase else "it is encrypted, and the secret has no passphrase"
    except (ValueError, UnsupportedAlgorithm):
        why = "it cannot be read" + (", or the passphrase does not open it" if passphrase else "")
    else:
        kind = _kind(loaded)
        if kind is not None:
            text = loaded.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
            return kind.from_private_key(io.StringIO(text))
    raise PermanentError("ssh_key_unusable", f"the SSH key cannot be used: {why}", hint="See the secret's format.")


def _kind(loaded: object) -> type[paramiko.PKey] | None:
    match loaded:
        case ed25519.Ed25519PrivateKey():
            return paramiko.Ed25519Key
        case ec.EllipticCurvePrivateKey():
            return paramiko.ECDSAKey
        case rsa.RSAPrivateKey():
            return paramiko.RSAKey
    return None
