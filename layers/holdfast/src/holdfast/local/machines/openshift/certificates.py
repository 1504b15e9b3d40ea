"""The signer of kubelets' certificates: what is approved is signed.

A cluster with a Machine API approves by itself what its machines ask for, as long as it may (Knobs.approves).
"""

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.openshift.layout import Signers
from holdfast.local.machines.openshift.operating import Knobs
from holdfast.local.machines.openshift.seed import Object, condition, named

_USAGES = {"client auth": ExtendedKeyUsageOID.CLIENT_AUTH, "server auth": ExtendedKeyUsageOID.SERVER_AUTH}


class CertificateSigner:
    def __init__(self, signers: Signers, knobs: Knobs) -> None:
        self.signers, self.knobs = signers, knobs

    def sync(self, api: Api) -> None:
        kind = named("csr")
        for each in api.items(kind):
            says = {one["type"] for one in each.get("status", {}).get("conditions") or []}
            if not says and self.knobs.approves:
                said = condition("Approved", "True", "NodeCSRApprove", "by the machine approver of a double")
                each["status"] = {"conditions": [said]}
                api.replace(kind, "", each, "approval")
            elif says == {"Approved"} and not each["status"].get("certificate"):
                signed = base64.b64encode(self._signed(each)).decode()
                api.patch(kind, "", each["metadata"]["name"], {"status": {"certificate": signed}}, "status")

    def _signed(self, each: Object) -> bytes:
        asked = x509.load_pem_x509_csr(base64.b64decode(each["spec"]["request"]))
        now, authority = datetime.now(UTC), self.signers.kubernetes
        own = x509.load_pem_x509_certificate(authority.certificate.encode())
        usages = [_USAGES[usage] for usage in each["spec"]["usages"] if usage in _USAGES]
        builder = (
            x509.CertificateBuilder()
            .subject_name(asked.subject)
            .issuer_name(own.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        for extension in asked.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                builder = builder.add_extension(extension.value, critical=False)
        return builder.sign(authority.private_key, hashes.SHA256()).public_bytes(Encoding.PEM)
