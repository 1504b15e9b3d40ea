"""Certificate signing requests as `oc get csr -o json` prints them, packed by node/restore/openshift/csr_round.sh.

Whoever has the credentials of a node, or the ones with which new nodes begin, writes most of this: names, users and
the request itself may hold anything. The JSON is the API server's own, so that no text can pass for another field.
Fields: CertificateSigningRequest of certificates.k8s.io v1, and v1beta1 for Kubernetes before 1.19.
"""

import base64
import binascii
import gzip
import io
import json
import warnings
from typing import Annotated, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from pydantic import BeforeValidator, Field, ValidationError

from holdfast.facts.unreadable import unreadable
from holdfast.models.base import StoredModel, Utc
from holdfast.models.csr import Asked, SigningRequest

_WHAT = "oc get csr -o json"
_LARGEST_UNPACKED = 16 * 1024 * 1024
# A kubelet's request has some 350 bytes; RSA keys and a few addresses more.
_LARGEST_REQUEST = 8192
# extensionRequest (RFC 2985).
_EXTENSIONS = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_SHORT = {NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATION_NAME: "O"}
# What the parser raises; one request that it cannot read shall not keep others from their turn.
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_SMALLEST_RSA = 2048

# The API leaves out what is empty, or says null.
_Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: value or ())]


class _Metadata(StoredModel):
    name: str
    uid: str
    created_at: Utc = Field(alias="creationTimestamp")


class _Spec(StoredModel):
    request: str
    signer: str = Field(default="", alias="signerName")
    username: str = ""
    groups: _Texts = ()
    usages: _Texts = ()


class _Condition(StoredModel):
    type: str


class _Status(StoredModel):
    conditions: Annotated[tuple[_Condition, ...], BeforeValidator(lambda value: value or ())] = ()


class _Item(StoredModel):
    metadata: _Metadata
    spec: _Spec
    status: Annotated[_Status, BeforeValidator(lambda value: value or {})] = _Status()


def read_requests(packed: str) -> tuple[SigningRequest, ...]:
    """One request or a list of them; "" is none. PermanentError `node_output_unreadable` for what the API would never
    print; a request whose own content is odd is a `flaw` of that one."""
    if not packed:
        return ()
    told = _unpacked(packed)
    items = told.get("items") if "items" in told else [told]
    if not isinstance(items, list):
        raise unreadable(_WHAT, "its items are no list")
    return tuple(_request(item) for item in items)


def _unpacked(packed: str) -> dict[str, Any]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode(packed, validate=True))) as stream:
            text = stream.read(_LARGEST_UNPACKED + 1)
        told = json.loads(text) if len(text) <= _LARGEST_UNPACKED else None
    except (OSError, EOFError, binascii.Error, ValueError, RecursionError) as error:
        raise unreadable(_WHAT, "it is no JSON that was packed") from error
    if not isinstance(told, dict):
        raise unreadable(_WHAT, "it is no object")
    return told


def _request(item: Any) -> SigningRequest:
    try:
        found = _Item.model_validate(item)
    except ValidationError as error:
        named = sorted({".".join(str(part) for part in each["loc"]) for each in error.errors()})
        raise unreadable(_WHAT, f"a request cannot have this {', '.join(named)[:200]}") from None
    return SigningRequest(
        name=found.metadata.name,
        uid=found.metadata.uid,
        created_at=found.metadata.created_at,
        signer=found.spec.signer,
        username=found.spec.username,
        groups=found.spec.groups,
        usages=found.spec.usages,
        decided=tuple(each.type for each in found.status.conditions),
        asked=read_asked(found.spec.request),
    )


def read_asked(text: str) -> Asked:
    """`spec.request`: base64 of PEM. Whatever is there, this gives an answer."""
    try:
        pem = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return Asked(flaw="it is not base64")
    if len(pem) > _LARGEST_REQUEST:
        return Asked(flaw=f"it has {len(pem)} bytes")
    if pem.count(b"-----BEGIN") != 1:
        return Asked(flaw="it is not one block of PEM")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return _asked(x509.load_pem_x509_csr(pem))
    except _UNREADABLE:
        return Asked(flaw="it is no certificate request that can be read")


def _asked(request: x509.CertificateSigningRequest) -> Asked:
    flaw = _flaw(request)
    if flaw:
        return Asked(flaw=flaw)
    dns, ips = _names(request)
    subject = tuple((_SHORT.get(each.oid, each.oid.dotted_string), str(each.value)) for each in request.subject)
    return Asked(subject=subject, dns=dns, ips=ips)


def _flaw(request: x509.CertificateSigningRequest) -> str:
    if not request.is_signature_valid:
        return "its signature is not by its own key"
    if flaw := _weak(request.public_key()):
        return flaw
    if any(len(each) != 1 for each in request.subject.rdns):
        return "its subject has attributes side by side"
    if any(attribute.oid != _EXTENSIONS for attribute in request.attributes):
        return "it has attributes that no kubelet's has"
    odd = [each.oid.dotted_string for each in request.extensions if not _is_names(each.value)]
    if odd:
        return f"it asks for the extensions {', '.join(odd)[:100]}"
    kinds = {type(name) for each in request.extensions if _is_names(each.value) for name in each.value}
    if kinds - {x509.DNSName, x509.IPAddress}:
        return "it asks for names that are neither DNS names nor addresses"
    return ""


def _is_names(extension: x509.ExtensionType) -> bool:
    return isinstance(extension, x509.SubjectAlternativeName)


def _weak(key: object) -> str:
    """Why the key is none that a kubelet makes: it makes one of ECDSA over P-256."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.curve.name in _CURVES else f"its key is on the curve {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return "" if key.key_size >= _SMALLEST_RSA else f"its RSA key has {key.key_size} bits"
    return "" if isinstance(key, ed25519.Ed25519PublicKey) else "its key is of a kind that no kubelet makes"


def _names(request: x509.CertificateSigningRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names = extension.value
            addresses = names.get_values_for_type(x509.IPAddress)
            return tuple(names.get_values_for_type(x509.DNSName)), tuple(str(each) for each in addresses)
    return (), ()
