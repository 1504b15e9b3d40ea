"""The contract of a key that signs; tests/contract/test_signing_contract.py holds every implementation to it.

Errors are of our tree: TransientError `signing_unavailable`; PermanentError `signing_access_denied`, `signing_refused`,
and `signing_key_unusable` for a key that is disabled, waits for its deletion, is gone, or is of another kind.
"""

from dataclasses import dataclass
from typing import Protocol


class SigningKey(Protocol):
    """An ECDSA key over P-256. Nobody here ever has its private half."""

    @property
    def name(self) -> str:
        """What a signature says of its key; KMS: the ARN."""

    def sign(self, digest: bytes) -> bytes:
        """DER of r and s over a SHA-256 of 32 bytes; another signature each time."""

    def public_key(self) -> bytes:
        """DER of its SubjectPublicKeyInfo. The store of keys is asked once in a process."""

    def refuse_unusable(self) -> None:
        """Whether it can sign today, without a signature; `signing_key_unusable` says why not."""


@dataclass(frozen=True)
class Signing:
    """`key` signs, None where nothing is signed. `trusted` are public keys (DER) whose signatures count beside its own:
    former keys, and its own for the day when nobody can ask for it."""

    key: SigningKey | None = None
    trusted: tuple[bytes, ...] = ()

    @property
    def expected(self) -> bool:
        """Whether a manifest without a signature is one too few."""
        return self.key is not None or bool(self.trusted)
