"""A key in memory: it signs for real, and can be disabled."""

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.doubles import FailsOnDemand
from holdfast.errors import PermanentError


class MemorySigningKey(FailsOnDemand):
    """`state` is "Enabled", "Disabled" or "PendingDeletion", as KMS calls them; a test sets it."""

    def __init__(self, name: str = "memory:signing-key") -> None:
        super().__init__()
        self.name = name
        self.state = "Enabled"
        self._private = generate_private_key(SECP256R1())

    def sign(self, digest: bytes) -> bytes:
        self._reach("sign")
        self._refuse_unusable()
        if len(digest) != SHA256.digest_size:
            raise PermanentError("signing_refused", f"a digest of SHA-256 has 32 bytes, not {len(digest)}")
        return self._private.sign(digest, ECDSA(Prehashed(SHA256())))

    def public_key(self) -> bytes:
        self._reach("public_key")
        self._refuse_unusable()
        return self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def refuse_unusable(self) -> None:
        self._reach("refuse_unusable")
        self._refuse_unusable()

    def _refuse_unusable(self) -> None:
        if self.state != "Enabled":
            raise PermanentError("signing_key_unusable", f"the key {self.name} is {self.state}")
