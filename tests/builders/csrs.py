"""Certificate signing requests as kubelets make them, and as others do who would like to have such a certificate."""

import base64
import gzip
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from builders.runs import NOON
from holdfast.models.csr import CLIENT_SIGNER, SERVING_SIGNER, CsrNode
from holdfast.planning.csr import BOOTSTRAPPER, BOOTSTRAPPER_GROUPS, Ground

NODE_GROUPS = ("system:nodes", "system:authenticated")
W1 = CsrNode(name="worker-1", ready="False", addresses=("worker-1", "worker-1.example.net", "192.0.2.11"))
W2 = CsrNode(name="worker-2", ready="True", addresses=("worker-2", "192.0.2.12"))
_KEY = ec.generate_private_key(ec.SECP256R1())


def subject_of(node: str) -> x509.Name:
    """As kubelets write it: the organisation first."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{node}"),
        ]
    )


def pem(
    subject: x509.Name,
    dns: Iterable[str] = (),
    ips: Iterable[str] = (),
    *,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = _KEY,
    extensions: Iterable[x509.ExtensionType] = (),
) -> bytes:
    names = [*map(x509.DNSName, dns), *(x509.IPAddress(ipaddress.ip_address(each)) for each in ips)]
    request = x509.CertificateSigningRequestBuilder(subject)
    if names:
        request = request.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for each in extensions:
        request = request.add_extension(each, critical=False)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def csr(
    name: str,
    request: bytes,
    *,
    username: str,
    groups: Iterable[str],
    usages: Iterable[str],
    signer: str,
    at: datetime = NOON,
    uid: str = "",
    **status: Any,
) -> dict[str, Any]:
    """The API's object."""
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {
            "name": name,
            "uid": uid or f"00000000-0000-4000-8000-{abs(hash(name)) % 10**12:012d}",
            "creationTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "spec": {
            "request": base64.b64encode(request).decode(),
            "signerName": signer,
            "username": username,
            "groups": list(groups),
            "usages": list(usages),
        },
        "status": status,
    }


def client(node: str = "worker-1", name: str = "csr-client", **changes: Any) -> dict[str, Any]:
    """Of a kubelet without a certificate, as new machines begin."""
    made: dict[str, Any] = {
        "request": pem(subject_of(node)),
        "username": BOOTSTRAPPER,
        "groups": sorted(BOOTSTRAPPER_GROUPS),
        "usages": ("digital signature", "client auth"),
        "signer": CLIENT_SIGNER,
    }
    return csr(name, **made | changes)


def renewal(node: str = "worker-1", name: str = "csr-renewal", **changes: Any) -> dict[str, Any]:
    return client(node, name, **{"username": f"system:node:{node}", "groups": NODE_GROUPS} | changes)


def serving(node: CsrNode = W1, name: str = "csr-serving", **changes: Any) -> dict[str, Any]:
    dns = [each for each in node.addresses if not _is_ip(each)]
    ips = [each for each in node.addresses if _is_ip(each)]
    made: dict[str, Any] = {
        "request": pem(subject_of(node.name), dns, ips),
        "username": f"system:node:{node.name}",
        "groups": NODE_GROUPS,
        "usages": ("digital signature", "server auth"),
        "signer": SERVING_SIGNER,
    }
    return csr(name, **made | changes)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def packed(*objects: dict[str, Any]) -> str:
    """As the script sends a page of them."""
    if not objects:
        return ""
    told = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    return base64.b64encode(gzip.compress(json.dumps(told, indent=4).encode())).decode()


def ground(**changes: Any) -> Ground:
    """A minute after the requests were made."""
    return replace(Ground(now=NOON + timedelta(minutes=1), nodes=(W1, W2)), **changes)


def page(*objects: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What openshift/csr_round says."""
    told = {
        "now": int((NOON + timedelta(minutes=1)).timestamp()),
        "packed": packed(*objects),
        "nodes": [W1.model_dump(), W2.model_dump()],
        "not_ready": ["worker-1"],
        "not_ready_count": 1,
    }
    return told | changes
