"""Failures that no server needs to be started for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
    UnauthorizedSSOTokenError,
)

from holdfast.errors import HoldfastError
from holdfast.storage.failures import storage_errors


def _translated(error: Exception) -> HoldfastError:
    with pytest.raises(HoldfastError) as found, storage_errors("s3://bucket/key"):
        raise error
    return found.value


def _head_answer(status: int, date: datetime) -> ClientError:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {"date": format_datetime(date, usegmt=True)}}
    return ClientError(
        {"Error": {"Code": str(status), "Message": "Forbidden"}, "ResponseMetadata": metadata},
        "HeadObject",
    )


@pytest.mark.parametrize(
    ("error", "code", "family"),
    [
        (NoCredentialsError(), "storage_credentials", "permanent"),
        (UnauthorizedSSOTokenError(), "storage_credentials", "permanent"),
        (ReadTimeoutError(endpoint_url="http://s3"), "storage_unavailable", "transient"),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), "storage_unavailable", "transient"),
        (SSLError(endpoint_url="https://s3", error="self-signed"), "storage_tls", "permanent"),
        (BotoCoreError(), "storage_failed", "permanent"),
    ],
)
def test_what_botocore_raises_has_a_code(error: BotoCoreError, code: str, family: str) -> None:
    translated = _translated(error)
    assert (translated.code, translated.family) == (code, family)
    assert "s3://bucket/key" in translated.message


def test_a_head_refused_by_a_store_with_another_time_is_clock_skew() -> None:
    assert _translated(_head_answer(403, datetime.now(UTC) - timedelta(hours=1))).code == "storage_clock_skew"


def test_a_head_refused_by_a_store_with_our_time_is_access_denied() -> None:
    assert _translated(_head_answer(403, datetime.now(UTC))).code == "storage_access_denied"


def test_errors_of_ours_pass_unchanged() -> None:
    ours = HoldfastError("any", "thing")
    assert _translated(ours) is ours
