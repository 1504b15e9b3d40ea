"""A client of KMS with one asymmetric key, as the API reference of AWS KMS has it. moto 5 hashes a digest once more
before it signs, and signs with disabled keys; tests/e2e/test_embedded_signing.py asks LocalStack's KMS the same."""

from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


class KmsClient:
    """`spec` is ECC_NIST_P256, ECC_NIST_P384 or RSA_2048; `state` a state of keys. `calls` counts by operation."""

    def __init__(self, spec: str = "ECC_NIST_P256") -> None:
        self.spec, self.state = spec, "Enabled"
        self.calls: dict[str, int] = {}
        curves = {"ECC_NIST_P256": ec.SECP256R1(), "ECC_NIST_P384": ec.SECP384R1()}
        self._private = (
            ec.generate_private_key(curves[spec]) if spec in curves else rsa.generate_private_key(65537, 2048)
        )

    def describe_key(self, KeyId: str) -> dict[str, Any]:  # noqa: N803 - the API's name
        self._find("describe_key", KeyId)
        told = {"Arn": ARN, "KeyState": self.state, "KeySpec": self.spec, "KeyUsage": "SIGN_VERIFY"}
        return {"KeyMetadata": told}

    def get_public_key(self, KeyId: str) -> dict[str, Any]:  # noqa: N803
        self._use("get_public_key", KeyId)
        der = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {"KeyId": ARN, "PublicKey": der, "KeySpec": self.spec, "KeyUsage": "SIGN_VERIFY"}

    def sign(self, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> dict[str, Any]:  # noqa: N803
        self._use("sign", KeyId)
        if SigningAlgorithm != "ECDSA_SHA_256" or not isinstance(self._private, ec.EllipticCurvePrivateKey):
            raise _error("InvalidKeyUsageException", "the algorithm is incompatible with the key")
        if MessageType != "DIGEST" or len(Message) != 32:
            raise _error("ValidationException", "the digest has another length than the algorithm's")
        return {"KeyId": ARN, "Signature": self._private.sign(Message, ec.ECDSA(Prehashed(SHA256())))}

    def _find(self, operation: str, key: str) -> None:
        self.calls[operation] = self.calls.get(operation, 0) + 1
        if key != ARN:
            raise _error("NotFoundException", f"Key '{key}' does not exist")

    def _use(self, operation: str, key: str) -> None:
        self._find(operation, key)
        if self.state == "Disabled":
            raise _error("DisabledException", f"{ARN} is disabled.")
        if self.state != "Enabled":
            raise _error("KMSInvalidStateException", f"{ARN} is pending deletion.")


def _error(code: str, message: str) -> ClientError:
    metadata = {"HTTPStatusCode": 400}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "kms")
