"""Keys for SSH as OpenSSH writes them: a client's, and hosts' with their fingerprints."""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.errors import PermanentError

type PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


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


def new_key(kind: str) -> PrivateKey:
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ecdsa":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa":
            return rsa.generate_private_key(65_537, 2048)
    raise PermanentError("machine_failed", f"no kind of SSH key: {kind}")


def host_key(kind: str = "ed25519") -> HostKey:
    """A new one."""
    made = new_key(kind)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return HostKey(kind, private, made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())
