"""Sessions that act as somebody else at a store: an assumed role, or keys of a secret. Both are renewed while they are
in use, so that long work outlives an hour, and keys that were exchanged."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.credentials import AssumeRoleCredentialFetcher, CredentialResolver, DeferredRefreshableCredentials
from botocore.loaders import create_loader

from holdfast.aws import client_config
from holdfast.models.storage import RoleSpec, StoreKeys

# The most that AWS gives to a role that was assumed by a role, which the functions' own are
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html, "role chaining").
SESSION_S = 3600
# A presigned URL ends with its signer's session, so that one is renewed when half of it has passed: a URL that is made
# now works for half an hour at least. How many seconds before its end it may be renewed, and must be.
RENEWED_S, OVERDUE_S = 35 * 60, 30 * 60
# Keys of a secret are read again after so many seconds; for as long again the old ones do when it cannot be read.
KEYS_LIFE_S = 300


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Provider:
    """What botocore asks for credentials: the only provider of its session."""

    METHOD = CANONICAL_NAME = "holdfast-store"

    def __init__(
        self, refresh: Callable[[], dict[str, Any]], renewed_s: int, overdue_s: int, now: Callable[[], datetime]
    ) -> None:
        self._refresh, self._renewed_s, self._overdue_s, self._now = refresh, renewed_s, overdue_s, now

    def load(self) -> Any:
        credentials = DeferredRefreshableCredentials(self._refresh, self.METHOD, time_fetcher=self._now)
        # Its constructor takes neither, unlike that of the class it comes from.
        credentials._advisory_refresh_timeout = self._renewed_s
        credentials._mandatory_refresh_timeout = self._overdue_s
        return credentials


def assumed_session(source: boto3.Session, role: RoleSpec, *, endpoint_url: str | None = None) -> boto3.Session:
    """Nothing is asked of STS before the first request. `endpoint_url` is that of STS, None for AWS's own."""

    def sts_client(service: str, **identity: str) -> Any:
        return source.client(service, endpoint_url=endpoint_url, config=client_config(), **identity)

    asked = {"RoleSessionName": role.session_name, "DurationSeconds": SESSION_S}
    if role.external_id is not None:
        asked["ExternalId"] = role.external_id
    # The window is that of the fetcher's own cache, which would hand out the old session again.
    fetcher = AssumeRoleCredentialFetcher(
        sts_client, source.get_credentials(), role.arn, extra_args=asked, expiry_window_seconds=RENEWED_S
    )
    return _session(source, _Provider(fetcher.fetch_credentials, RENEWED_S, OVERDUE_S, _utc_now))


def keyed_session(
    source: boto3.Session, read: Callable[[], StoreKeys], *, now: Callable[[], datetime] = _utc_now
) -> boto3.Session:
    """`read` is asked before the first request, and then every five minutes of use; its errors leave a request as they
    are, once the keys at hand are ten minutes old."""

    def fetch() -> dict[str, Any]:
        keys = read()
        return {
            "access_key": keys.access_key,
            "secret_key": keys.secret_key.get_secret_value(),
            "token": keys.session_token.get_secret_value() if keys.session_token else None,
            "expiry_time": (now() + timedelta(seconds=3 * KEYS_LIFE_S)).isoformat(),
        }

    return _session(source, _Provider(fetch, 2 * KEYS_LIFE_S, KEYS_LIFE_S, now))


@cache
def _models() -> Any:
    """Of all these sessions: the model of S3 takes many times as long to read as a client to make."""
    return create_loader()


def _session(source: boto3.Session, provider: _Provider) -> boto3.Session:
    profile = source.profile_name
    inner = botocore.session.Session(profile=None if profile == "default" else profile)
    inner.register_component("data_loader", _models())
    inner.register_component("credential_provider", CredentialResolver([provider]))
    return boto3.Session(botocore_session=inner, region_name=source.region_name)
