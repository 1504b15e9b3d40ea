"""The signature beside a manifest: made at Seal, looked at before anybody acts on what the manifest says.

The manifest names the snapshot and every bundle by their hashes, so whoever trusts it can trust them. The keys that
count are the installation's own; the one that a signature names is for a person who searches.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from pydantic import ValidationError

from holdfast.engine.catalog import load_manifest
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.models.backup import Manifest
from holdfast.models.plan import Finding
from holdfast.models.signature import ManifestSignature, PublicHalf, SignatureState
from holdfast.planning.naming import SIGNATURE, backup_key
from holdfast.signing.base import Signing
from holdfast.signing.public_keys import fits, pem
from holdfast.storage.base import ObjectReader

# One of ours has less than 600 bytes and a long ARN; nobody reads gigabytes that somebody put there.
LARGEST = 8192


@dataclass(frozen=True)
class SignedManifest:
    """`body` are the bytes that were signed."""

    manifest: Manifest
    body: bytes
    signature: SignatureState

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def put_signature(services: Services, cluster_id: str, backup: str, body: bytes) -> None:
    """Nothing where the installation has no key. Another signature of the same bytes is as good, so that a second try
    may put its own."""
    key = services.signing.key
    if key is None:
        return
    digest = hashlib.sha256(body)
    made = ManifestSignature(
        key=key.name,
        manifest_sha256=digest.hexdigest(),
        signature=base64.b64encode(key.sign(digest.digest())).decode(),
    )
    services.writer.put(backup_key(cluster_id, backup, SIGNATURE), made.model_dump_json(indent=2).encode())


def load_signed(services: Services, cluster_id: str, backup: str) -> SignedManifest:
    """The manifest with what is known of its signature. The errors of load_manifest and of `signature_state`."""
    manifest, body = load_manifest(services.reader, cluster_id, backup)
    state = signature_state(services.reader, services.signing, cluster_id, backup, body)
    return SignedManifest(manifest, body, state)


def signature_state(
    reader: ObjectReader, signing: Signing, cluster_id: str, backup: str, body: bytes
) -> SignatureState:
    """RefusedError `manifest_signature_invalid` for a signature that none of the trusted keys made of these bytes.

    `signing_key_unusable` (permanent) and the other errors of signing/base.py when no trusted key fits and the own one
    cannot be asked for: then nobody knows.
    """
    if not signing.expected:
        return "unchecked"
    key = backup_key(cluster_id, backup, SIGNATURE)
    stored = _stored(reader, key)
    if stored is None:
        return "missing"
    digest, signature = hashlib.sha256(body), _parsed(key, stored)
    if signature.manifest_sha256 != digest.hexdigest():
        raise _invalid(key, "it is that of another manifest")
    if not _is_trusted(signing, digest.digest(), _der(key, signature.signature)):
        raise _invalid(key, f"no key that is trusted here made it; it names {signature.key[:200]!r}")
    return "valid"


def _stored(reader: ObjectReader, key: str) -> bytes | None:
    try:
        size = reader.head(key).size
        if size > LARGEST:
            raise _invalid(key, f"it has {size} bytes")
        return reader.read(key)
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        return None


def _parsed(key: str, stored: bytes) -> ManifestSignature:
    try:
        return ManifestSignature.model_validate_json(stored)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise _invalid(key, f"it cannot be read: {where}: {first['msg']}") from error


def _der(key: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise _invalid(key, "its signature is no base64") from error


def _is_trusted(signing: Signing, digest: bytes, signature: bytes) -> bool:
    """The configured keys first: they are at hand when KMS is not."""
    if any(fits(public_key, digest, signature) for public_key in signing.trusted):
        return True
    return signing.key is not None and fits(signing.key.public_key(), digest, signature)


def _invalid(key: str, why: str) -> RefusedError:
    return RefusedError(
        "manifest_signature_invalid",
        f"{key} is no signature of the manifest beside it: {why}",
        hint="Somebody else may have written into the bucket: look who, and use another backup. After a change of the "
        "signing key, the former one belongs to the trusted keys (docs/reference/signing.md).",
    )


def public_half(signing: Signing) -> PublicHalf:
    """PermanentError `signing_key_missing`, and the errors of signing/base.py."""
    if signing.key is None:
        raise PermanentError(
            "signing_key_missing",
            "this installation has no signing key: its manifests are not signed",
            hint="Deploy the stack with SigningKeyArn=stack, or with the ARN of a key (docs/reference/signing.md).",
        )
    der = signing.key.public_key()
    return PublicHalf(key=signing.key.name, public_key=pem(der), sha256=hashlib.sha256(der).hexdigest())


def signing_findings(signing: Signing) -> tuple[Finding, ...]:
    """For a check: whether what is sealed now would be signed."""
    if signing.key is None:
        text = "this installation has no signing key: a manifest that somebody doctors in the bucket is not noticed"
        return (Finding(level="info", code="signing_key_missing", text=text),)
    try:
        signing.key.refuse_unusable()
    except HoldfastError as error:
        # A backup would fail at Seal. What the caller may not ask is no reason against one.
        level = "refuse" if error.code == "signing_key_unusable" else "warn"
        return (
            Finding.model_validate({"level": level, "code": error.code, "text": error.message, "hint": error.hint}),
        )
    return ()
