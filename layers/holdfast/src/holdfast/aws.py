"""What botocore raises for the services of the control path, in the words of our error tree.

Used when botocore's own retries are over. S3 has its own reading, storage/failures.py: it answers in other ways.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSLError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from holdfast.errors import HoldfastError, PermanentError, TransientError

_BUSY = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "KMSThrottlingException",
        "KmsThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "KMSAccessDenied",
        "KMSAccessDeniedException",
        "KmsAccessDeniedException",
        "UnauthorizedOperation",
    }
)
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, TokenRetrievalError, UnauthorizedSSOTokenError)
_LOG_IN = "log in again, or set AWS_PROFILE or the AWS_* variables of a role that may do this"


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def error_text(error: ClientError) -> str:
    """The service's own words."""
    return str(error.response.get("Error", {}).get("Message", "")) or error_code(error)


def is_busy(code: str, status: int = 0) -> bool:
    """Whether another try may succeed, by the code of the answer and its HTTP status (0 where there is none)."""
    return code in _BUSY or status == 429 or status >= 500


def client_config(*, attempts: int = 5, connections: int = 10) -> Config:
    """Of clients of the control path: a call ends, well or not, while the function that waits for it still lives."""
    return Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections,
    )


@dataclass(frozen=True)
class AwsErrors:
    """The codes that one adapter's errors carry when nothing more special is known, and a hint for a denied call."""

    unavailable: str
    denied: str
    refused: str
    denied_hint: str

    @contextmanager
    def read(self, doing: str) -> Iterator[None]:
        """Raise our errors in place of botocore's; `doing` completes "could not …" in the message."""
        try:
            yield
        except ClientError as error:
            raise self._of_answer(error, doing) from error
        except BotoCoreError as error:
            raise self._of_client(error, doing) from error

    def _of_answer(self, error: ClientError, doing: str) -> HoldfastError:
        code, said = error_code(error), error_text(error)
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if is_busy(code, status):
            return TransientError(self.unavailable, f"could not {doing}: {code or status}: {said}")
        if code in _CREDENTIALS:
            return PermanentError(self.denied, f"could not {doing}: the credentials do not work: {said}", hint=_LOG_IN)
        if code in _DENIED:
            return PermanentError(self.denied, f"could not {doing}: {said}", hint=self.denied_hint)
        return PermanentError(self.refused, f"could not {doing}: {code}: {said}")

    def _of_client(self, error: BotoCoreError, doing: str) -> HoldfastError:
        """The request never got an answer, or could not be made."""
        if isinstance(error, _NO_CREDENTIALS):
            return PermanentError(self.denied, f"could not {doing}: {error}", hint=_LOG_IN)
        if isinstance(error, NoRegionError):
            return PermanentError(self.refused, f"could not {doing}: no region is set", hint="set AWS_REGION")
        if isinstance(error, SSLError):
            hint = "set AWS_CA_BUNDLE to the endpoint's CA when it is a private one"
            return PermanentError(self.refused, f"could not {doing}: {error}", hint=hint)
        if isinstance(error, HTTPClientError | NoConnectionError):
            hint = "look at the network between, and at the endpoint's name"
            return TransientError(self.unavailable, f"could not {doing}: {error}", hint=hint)
        return PermanentError(self.refused, f"could not {doing}: {type(error).__name__}: {error}")
