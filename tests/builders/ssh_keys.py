"""Keys for SSH as OpenSSH writes them: a client's, and hosts' with their fingerprints."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from holdfast.models.credentials import SshKey

type _Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class HostKey:
    """`kind` as in the name of sshd's file; `fingerprint` as `ssh-keygen -lf` prints it."""

    kind: str
    private: str
    public: str

    @property
    def fingerprint(self) -> str:
        blob = base64.b64decode(self.public.split()[1])
        return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _new(kind: str) -> _Private:
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ecdsa":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa":
            return rsa.generate_private_key(65_537, 2048)
    raise ValueError(f"no kind of key: {kind}")


def host_key(kind: str) -> HostKey:
    """A new one."""
    made = _new(kind)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return HostKey(kind, private, made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


CLIENT = host_key("ed25519")


def client_key() -> SshKey:
    """What test nodes let in, as `core` and as root."""
    return SshKey.model_validate({"private_key": CLIENT.private})


@cache
def other_key(kind: str = "ed25519") -> SshKey:
    """One that nobody knows."""
    return SshKey.model_validate({"private_key": host_key(kind).private})


def encrypted_pem(passphrase: str) -> str:
    """A new client key behind a passphrase."""
    encryption = BestAvailableEncryption(passphrase.encode())
    return _new("ed25519").private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption).decode()
