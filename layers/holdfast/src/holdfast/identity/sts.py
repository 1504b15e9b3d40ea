"""Identity by STS GetCallerIdentity. No policy is needed for it, and none can forbid it but to expired credentials
(API reference of AWS STS, "GetCallerIdentity")."""

from typing import Any

from holdfast.aws import AwsErrors
from holdfast.errors import PermanentError

_ERRORS = AwsErrors(
    unavailable="identity_unavailable",
    denied="identity_access_denied",
    refused="identity_refused",
    denied_hint="log in again; sts:GetCallerIdentity needs no right, only credentials that work",
)


class StsIdentity:
    def __init__(self, sts: Any) -> None:
        self._sts = sts

    def caller(self) -> str:
        with _ERRORS.read("ask who the caller is"):
            arn = self._sts.get_caller_identity().get("Arn")
        if not isinstance(arn, str) or not arn:
            raise PermanentError("identity_refused", "STS told no ARN for the credentials in use")
        return arn
