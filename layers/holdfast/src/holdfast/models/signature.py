"""The signature beside a manifest, as it is stored, and what came of looking at one."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from holdfast.models.base import Model, Sha256Hex, StoredModel

# valid: by a key that this installation trusts. missing: it trusts keys, and nothing is signed. unchecked: it has no
# key to check with, so that nobody knows.
SignatureState = Literal["valid", "missing", "unchecked"]


class ManifestSignature(StoredModel):
    """`manifest.sig`. `signature` is base64 of DER (r and s) over the SHA-256 of the manifest's bytes.

    `key` says by which key, for a person who looks for it: a check asks the keys that the installation trusts, never
    the one that is named here.
    """

    schema_version: Literal[1] = 1
    algorithm: Literal["ECDSA_SHA_256"] = "ECDSA_SHA_256"
    key: Annotated[str, StringConstraints(max_length=2048)]
    manifest_sha256: Sha256Hex
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{1,200}={0,2}$")]


class PublicHalf(Model):
    """`public_key` is PEM, as openssl reads it; `sha256` that of its DER, to compare by telephone."""

    key: str
    public_key: str
    sha256: Sha256Hex
