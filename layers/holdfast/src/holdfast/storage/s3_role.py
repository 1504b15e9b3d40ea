"""A session that acts as an assumed role, and assumes it anew before it expires: long work outlives an hour."""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialResolver,
    DeferredRefreshableCredentials,
)

from holdfast.models.storage import RoleSpec

# The most that AWS gives to a role that was assumed by a role, which the functions' own are
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html, "role chaining").
SESSION_S = 3600


# A presigned URL ends with its signer's session, so that one is renewed when half of it has passed: a URL that is made
# now works for half an hour at least. How many seconds before its end it may be renewed, and must be.
RENEWED_S, OVERDUE_S = 35 * 60, 30 * 60


class _RoleProvider:
    """What botocore asks for credentials: the only provider of its session."""

    METHOD = CANONICAL_NAME = "holdfast-store-role"

    def __init__(self, refresh: Callable[[], dict[str, Any]]) -> None:
        self._refresh = refresh

    def load(self) -> Any:
        credentials = DeferredRefreshableCredentials(self._refresh, self.METHOD)
        # Its constructor takes neither, unlike that of the class it comes from.
        credentials._advisory_refresh_timeout = RENEWED_S
        credentials._mandatory_refresh_timeout = OVERDUE_S
        return credentials


def assumed_session(source: boto3.Session, role: RoleSpec, *, endpoint_url: str | None = None) -> boto3.Session:
    """Nothing is asked of STS before the first request. `endpoint_url` is that of STS, None for AWS's own."""

    def sts_client(service: str, **identity: str) -> Any:
        config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
        return source.client(service, endpoint_url=endpoint_url, config=config, **identity)

    asked = {"RoleSessionName": role.session_name, "DurationSeconds": SESSION_S}
    if role.external_id is not None:
        asked["ExternalId"] = role.external_id
    # The window is that of the fetcher's own cache, which would hand out the old session again.
    fetcher = AssumeRoleCredentialFetcher(
        sts_client, source.get_credentials(), role.arn, extra_args=asked, expiry_window_seconds=RENEWED_S
    )
    profile = source.profile_name
    inner = botocore.session.Session(profile=None if profile == "default" else profile)
    inner.register_component("credential_provider", CredentialResolver([_RoleProvider(fetcher.fetch_credentials)]))
    return boto3.Session(botocore_session=inner, region_name=source.region_name)
