"""Keys for SSH: what test nodes let in, and what nobody knows."""

from functools import cache

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from holdfast.local.machines.keys import HostKey, host_key, new_key
from holdfast.models.credentials import SshKey

__all__ = ["CLIENT", "HostKey", "client_key", "encrypted_pem", "host_key", "other_key"]

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
    return new_key("ed25519").private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption).decode()
