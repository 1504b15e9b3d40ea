"""What botocore raises, in the words of our error tree. Used when botocore's own retries are over."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProxyConnectionError,
    ResponseStreamingError,
    SSLError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from holdfast.errors import HoldfastError, PermanentError, TransientError

# S3 refuses requests that are signed more than 15 minutes off its own clock.
_MAX_SKEW_SECONDS = 15 * 60

_MISSING_KEY = frozenset({"NoSuchKey", "NoSuchVersion"})
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"})
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        # Ceph RADOS Gateway's word for a user who may do nothing for now.
        "UserSuspended",
    }
)
_REGION = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307"}
)
_BUSY = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "BandwidthLimitExceeded",
     "TooManyRequestsException", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted",
     "ConditionalRequestConflict"}
)  # fmt: skip
_DIGEST = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"})
_NAMED_REGION = re.compile(r"expecting '([a-z0-9-]+)'")
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage"})


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Raise our errors in place of botocore's; `where` names the bucket and key ("s3://bucket/key") in the message."""
    try:
        yield
    except ClientError as error:
        raise _of_answer(error, where) from error
    except BotoCoreError as error:
        raise _of_client(error, where) from error


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def object_not_found(where: str) -> PermanentError:
    return PermanentError("object_not_found", f"{where} does not exist")


def bucket_not_found(where: str) -> PermanentError:
    hint = "check the bucket's name and the region; Holdfast does not create buckets by itself"
    return PermanentError("bucket_not_found", f"the bucket of {where} does not exist", hint=hint)


def unavailable(where: str, what: str) -> TransientError:
    hint = "if it stays so, look at the store's health and at the network between"
    return TransientError("storage_unavailable", f"{where}: {what}", hint=hint)


def bytes_changed(where: str, what: str) -> TransientError:
    hint = "something on the way changes bytes; if it happens again, test this machine's memory and its network"
    return TransientError("storage_bytes_changed", f"{where}: {what}", hint=hint)


def clock_skew(where: str) -> PermanentError:
    hint = "set this machine's clock (NTP): S3 accepts a difference of 15 minutes"
    return PermanentError(
        "storage_clock_skew", f"{where}: the store refuses requests signed at this machine's time", hint=hint
    )


def access_denied(where: str, detail: str = "") -> PermanentError:
    hint = (
        "the role needs the s3 action on this bucket, and kms:GenerateDataKey and kms:Decrypt on its key; where the "
        "bucket's policy demands encryption headers, set encryption in the storage (docs/reference/storage.md)"
    )
    return PermanentError("storage_access_denied", f"{where}: access denied{': ' if detail else ''}{detail}", hint=hint)


def _of_answer(error: ClientError, where: str) -> HoldfastError:
    """A store's answer. A HEAD has no body: there the code is only the number of the status."""
    code, status = error_code(error), status_of(error)
    if error.operation_name == "AssumeRole":
        return _of_role(error, code, status)
    # Ceph's errors have no message, which botocore gives as None.
    said = str(error.response.get("Error", {}).get("Message") or "")
    if code == "RequestTimeTooSkewed" or (code in _DENIED and _clock_differs(error)):
        return clock_skew(where)
    if code == "NoSuchBucket":
        return bucket_not_found(where)
    if code in _MISSING_KEY or (code == "404" and status == 404):
        return object_not_found(where)
    if code.startswith("KMS.") or "kms-keyid" in said:
        return _key_unusable(where, f"{code}: {said}".rstrip(": "))
    if code in _CREDENTIALS:
        return _credentials(where, said or code)
    if code in _DENIED:
        return access_denied(where, "" if said == "Forbidden" else said)
    if code in _DIGEST:
        return bytes_changed(where, f"the store received other bytes than were sent ({code})")
    if code == "NoSuchUpload":
        hint = "another run or a lifecycle rule aborted it; a new run starts a new upload"
        return TransientError("upload_gone", f"{where}: the unfinished upload is gone", hint=hint)
    if code in _BUSY or status in (429, 500, 502, 503, 504):
        return unavailable(where, f"the store answered {status} {code}".rstrip())
    return _of_refusal(error, code, status, said, where)


def _of_refusal(error: ClientError, code: str, status: int, said: str, where: str) -> HoldfastError:
    if code in _REGION:
        hint = "set region in the storage (docs/reference/storage.md), or AWS_REGION for the stack's own buckets"
        return PermanentError(
            "storage_wrong_region",
            f"{where}: the bucket is in another region ({named_region(error) or said or code})",
            hint=hint,
        )
    if code == "InvalidObjectState":
        hint = "restore the object from its archive class first, or move backups to no archive class"
        return PermanentError("object_archived", f"{where} is in an archive storage class", hint=hint)
    if code in _FULL:
        return PermanentError("storage_full", f"{where}: {said or code}", hint="raise the store's quota")
    return PermanentError("storage_failed", f"{where}: the store answered {status} {code}: {said}".rstrip(": "))


def named_region(error: ClientError) -> str:
    """The region that a redirect names, empty when it names none."""
    answer = error.response
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    told = answer.get("Error", {})
    found = _NAMED_REGION.search(str(told.get("Message", "")))
    return str(headers.get("x-amz-bucket-region") or told.get("Region") or (found.group(1) if found else ""))


def _of_role(error: ClientError, code: str, status: int) -> HoldfastError:
    """STS's answer, when the role for a store is assumed."""
    said = str(error.response.get("Error", {}).get("Message", "")) or code
    if code in _BUSY or status in (429, 500, 502, 503, 504):
        return unavailable("the role of the storage", f"STS answered {status} {code}")
    hint = (
        "the role's trust policy must name who asks, with the external id of the storage; the functions may assume "
        "what the stack's parameters StoreRoleArns and SecretsStoreRoleArns name"
    )
    return PermanentError("storage_role_refused", f"the role of the storage may not be assumed: {said}", hint=hint)


def _of_client(error: BotoCoreError, where: str) -> HoldfastError:
    """The request never got an answer, or no request could be made."""
    if isinstance(
        error, NoCredentialsError | PartialCredentialsError | TokenRetrievalError | UnauthorizedSSOTokenError
    ):
        return _credentials(where, str(error))
    if isinstance(error, NoRegionError):
        return PermanentError("storage_wrong_region", f"{where}: no region is set", hint="set AWS_REGION")
    if isinstance(error, SSLError):
        hint = "set ca in the storage to the store's authority when it is a private one (docs/reference/storage.md)"
        return PermanentError("storage_tls", f"{where}: the store's certificate was not accepted: {error}", hint=hint)
    if isinstance(error, EndpointConnectionError) and _is_unresolvable(error):
        hint = "check the endpoint's name (the storage's endpoint, AWS_ENDPOINT_URL, --endpoint-url) and the region"
        return PermanentError("storage_endpoint_unknown", f"{where}: {error}", hint=hint)
    if isinstance(error, ProxyConnectionError):
        hint = "see whether the proxy runs: the storage's proxy, else HTTPS_PROXY or HTTP_PROXY"
        return TransientError("storage_proxy_unreachable", f"{where}: {_first_line(error)}", hint=hint)
    if isinstance(error, FlexibleChecksumError):
        return bytes_changed(where, _first_line(error))
    if isinstance(error, HTTPClientError | BotoConnectionError | IncompleteReadError | ResponseStreamingError):
        return unavailable(where, _first_line(error))
    return PermanentError("storage_failed", f"{where}: {type(error).__name__}: {_first_line(error)}")


def _key_unusable(where: str, said: str) -> PermanentError:
    """Ceph RADOS Gateway answers InvalidAccessKeyId and means the key that was to encrypt."""
    hint = "the bucket's KMS key must exist, be enabled, and allow this role"
    return PermanentError("storage_key_unusable", f"{where}: {said}", hint=hint)


def _credentials(where: str, said: str) -> PermanentError:
    hint = (
        "renew the keys in the storage's secret; for the stack's own buckets log in again, or set AWS_PROFILE or the "
        "AWS_* variables of a role that may use them"
    )
    return PermanentError("storage_credentials", f"{where}: the credentials do not work: {said}", hint=hint)


def _clock_differs(error: ClientError) -> bool:
    stamp = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        theirs = parsedate_to_datetime(stamp)
    except ValueError:
        return False
    if theirs.tzinfo is None:
        return False
    return abs((datetime.now(UTC) - theirs).total_seconds()) > _MAX_SKEW_SECONDS


def _is_unresolvable(error: BaseException) -> bool:
    """Whether a name lookup failed for good; `EAI_AGAIN` is a resolver that may answer next time."""
    cause: BaseException | None = error.kwargs.get("error") if isinstance(error, BotoCoreError) else error
    seen = 0
    while cause is not None and seen < 8:
        if isinstance(cause, socket.gaierror):
            return cause.errno != socket.EAI_AGAIN
        cause, seen = cause.__cause__ or cause.__context__, seen + 1
    return False


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
