"""A key in AWS KMS: ECC_NIST_P256 for SIGN_VERIFY. KMS never gives its private half to anybody.

Sources: API reference of AWS KMS, "Sign", "GetPublicKey" and "DescribeKey". Both of the first refuse a key that is
disabled (DisabledException) or waits for its deletion (KMSInvalidStateException); DescribeKey answers in every state.
"""

from typing import Any

from botocore.exceptions import ClientError

from holdfast.aws import AwsErrors, error_code, error_text
from holdfast.errors import PermanentError
from holdfast.signing.public_keys import is_p256

_ERRORS = AwsErrors(
    unavailable="signing_unavailable",
    denied="signing_access_denied",
    refused="signing_refused",
    denied_hint="kms:GetPublicKey and kms:DescribeKey on the signing key are what readers need; Seal needs kms:Sign",
)
_UNUSABLE = frozenset(
    {
        "DisabledException",
        "InvalidKeyUsageException",
        "KMSInvalidStateException",
        "NotFoundException",
        "UnsupportedOperationException",
    }
)
_SPEC, _USAGE, _ALGORITHM = "ECC_NIST_P256", "SIGN_VERIFY", "ECDSA_SHA_256"


class KmsSigningKey:
    def __init__(self, kms: Any, arn: str) -> None:
        self._kms = kms
        self.name = arn
        self._public_key = b""

    def sign(self, digest: bytes) -> bytes:
        answer = self._ask(
            "sign",
            "sign with the key",
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm=_ALGORITHM,
        )
        return bytes(answer["Signature"])

    def public_key(self) -> bytes:
        if not self._public_key:
            answer = self._ask("get_public_key", "get the public half of the key")
            der = bytes(answer["PublicKey"])
            if not is_p256(der):
                raise self._unusable(f"it is no key of {_SPEC}")
            self._public_key = der
        return self._public_key

    def refuse_unusable(self) -> None:
        told = self._ask("describe_key", "look at the key")["KeyMetadata"]
        spec, usage = told.get("KeySpec"), told.get("KeyUsage")
        if (spec, usage) != (_SPEC, _USAGE):
            raise self._unusable(f"it is a key of {spec} for {usage}, and {_SPEC} for {_USAGE} is needed")
        if told["KeyState"] != "Enabled":
            raise self._unusable(f"it is {told['KeyState']}")

    def _ask(self, operation: str, doing: str, **parameters: Any) -> dict[str, Any]:
        with _ERRORS.read(f"{doing} {self.name}"):
            try:
                answer: dict[str, Any] = getattr(self._kms, operation)(KeyId=self.name, **parameters)
            except ClientError as error:
                if error_code(error) in _UNUSABLE:
                    raise self._unusable(error_text(error)) from error
                raise
        return answer

    def _unusable(self, why: str) -> PermanentError:
        return PermanentError(
            "signing_key_unusable",
            f"the signing key {self.name} cannot be used: {why}",
            hint="Enable it, or cancel its deletion, or give the stack another one (docs/reference/signing.md).",
        )
