"""Object Lock over S3: retention and legal hold of the newest version of an object.

By their own calls and not by a HEAD, so that a role may ask for a lock without the right to read the object.
"""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from holdfast.errors import HoldfastError
from holdfast.models.cluster import LockMode
from holdfast.storage.base import LockState
from holdfast.storage.failures import error_code, storage_errors
from holdfast.storage.lock_rules import lacks, unsupported, whole_second

# Of an object without a retention or a hold: the first by S3, the second by Ceph RADOS Gateway.
_NONE = frozenset({"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"})
# The first is what both answer for a bucket without Object Lock, the others are of stores that do not know it.
_UNSUPPORTED = frozenset({"InvalidRequest", "NotImplemented", "MethodNotAllowed"})
_MODES: dict[str, LockMode] = {"GOVERNANCE": "governance", "COMPLIANCE": "compliance"}


class S3Locks:
    """Nothing here asks to bypass a governance lock, and nothing has the right to."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def lock(self, key: str, mode: LockMode, until: datetime) -> None:
        """Two callers at one moment: the store itself refuses whoever comes second with less."""
        until = whole_second(until)
        there = self._retention(key, needed=True)
        if lacks(there, mode, until, self._where(key)):
            self._call("put_object_retention", key, Retention={"Mode": mode.upper(), "RetainUntilDate": until})

    def hold(self, key: str) -> None:
        self._call("put_object_legal_hold", key, LegalHold={"Status": "ON"})

    def release(self, key: str) -> None:
        self._call("put_object_legal_hold", key, LegalHold={"Status": "OFF"})

    def lock_state(self, key: str) -> LockState:
        there = self._retention(key)
        hold = self._asked("get_object_legal_hold", key, "LegalHold")
        return LockState(there.mode, there.until, held=hold.get("Status") == "ON")

    def _retention(self, key: str, *, needed: bool = False) -> LockState:
        found = self._asked("get_object_retention", key, "Retention", needed=needed)
        if "RetainUntilDate" not in found:
            return LockState()
        return LockState(_MODES[found["Mode"]], found["RetainUntilDate"].astimezone(UTC))

    def _asked(self, operation: str, key: str, part: str, *, needed: bool = False) -> dict[str, Any]:
        """Empty where the object has none, and where the bucket cannot have any unless it is `needed`."""
        with storage_errors(self._where(key)):
            try:
                answer = getattr(self._client, operation)(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _NONE:
                    return {}
                if error_code(error) not in _UNSUPPORTED:
                    raise
                if needed:
                    raise unsupported(self._where(key), _said(error)) from error
                return {}
        return dict(answer.get(part, {}))

    def _call(self, operation: str, key: str, **parameters: Any) -> None:
        with storage_errors(self._where(key)):
            try:
                getattr(self._client, operation)(Bucket=self._bucket, Key=key, **parameters)
            except ClientError as error:
                if error_code(error) not in _UNSUPPORTED:
                    raise
                raise unsupported(self._where(key), _said(error)) from error

    def _where(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"


class NoLocks:
    """Object Lock of a store that has none, as its storage says: nothing is asked."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def lock(self, key: str, _mode: LockMode, _until: datetime) -> None:
        raise self._unsupported(key)

    def hold(self, key: str) -> None:
        raise self._unsupported(key)

    def release(self, key: str) -> None:
        raise self._unsupported(key)

    def lock_state(self, _key: str) -> LockState:
        return LockState()

    def _unsupported(self, key: str) -> HoldfastError:
        return unsupported(f"s3://{self._bucket}/{key}", "its storage says object_lock: false")


def _said(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message") or "")
