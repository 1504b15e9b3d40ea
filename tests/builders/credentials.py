"""Texts of secrets: keys for SSH and kubeconfigs."""

import base64
import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)


@cache
def an_ssh_key(passphrase: str | None = None) -> str:
    lock: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock).decode()


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def a_kubeconfig(cluster: dict[str, object], user: dict[str, object]) -> str:
    """With two contexts, of which the second is the current one."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "other", "cluster": {"server": "https://other.example:6443"}},
                {"name": "prod", "cluster": {"server": "https://api.example:6443"} | cluster},
            ],
            "users": [{"name": "other", "user": {"token": "of-another"}}, {"name": "backup", "user": user}],
            "contexts": [
                {"name": "other", "context": {"cluster": "other", "user": "other"}},
                {"name": "current", "context": {"cluster": "prod", "user": "backup"}},
            ],
            "current-context": "current",
        }
    )
