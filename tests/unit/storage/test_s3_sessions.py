"""Who we are at a store: a role or keys of a secret, renewed while work goes on, and said when they do not work."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from builders.fault_proxy import fault_proxy
from builders.s3_server import SESSION
from builders.stores import storage
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.storage import RoleSpec, StorageSpec, StoreKeys
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_client import s3_client
from holdfast.storage.s3_sessions import KEYS_LIFE_S, OVERDUE_S, SESSION_S, assumed_session, keyed_session
from holdfast.storage.s3_stores import S3Stores

ROLE = RoleSpec(arn="arn:aws:iam::123456789012:role/store", external_id="lab-7", session_name="holdfast-lab")


def with_roles(url: str, bucket: str) -> StorageSpec:
    other = {"arn": "arn:aws:iam::123456789012:role/store-secrets"}
    none = {"credentials": None, "secrets_credentials": None}
    return storage(endpoint=url, bucket=bucket, role=ROLE.model_dump(), secrets_role=other, **none)


class Sts:
    """What STS hands out: each time another key, for `life`."""

    def __init__(self, life: timedelta) -> None:
        self.life = life
        self.asked: list[dict[str, Any]] = []

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        expires = datetime.now(UTC) + self.life
        key = f"ASIA{len(self.asked)}"
        return {
            "Credentials": {
                "AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": f"token-{key}", "Expiration": expires
            },
            "AssumedRoleUser": {"AssumedRoleId": "id", "Arn": "arn:aws:sts::123456789012:assumed-role/store/x"},
        }  # fmt: skip


class Source:
    """The session of a function, whose only client is STS."""

    profile_name, region_name = "default", "eu-central-1"

    def __init__(self, sts: Sts) -> None:
        self._sts = sts
        self.endpoints: list[str | None] = []

    def get_credentials(self) -> Any:
        return SESSION.get_credentials()

    def client(self, service: str, *, endpoint_url: str | None = None, **_: Any) -> Sts:
        assert service == "sts"
        self.endpoints.append(endpoint_url)
        return self._sts


def key_of(session: boto3.Session) -> str:
    return str(session.get_credentials().get_frozen_credentials().access_key)


def test_the_role_is_assumed_with_what_its_trust_policy_asks_for_and_only_when_it_is_needed() -> None:
    sts = Sts(timedelta(hours=1))
    session = assumed_session(Source(sts), ROLE)
    assert sts.asked == []
    assert key_of(session) == key_of(session) == "ASIA1"
    assert sts.asked == [
        {
            "RoleArn": ROLE.arn,
            "RoleSessionName": "holdfast-lab",
            "ExternalId": "lab-7",
            "DurationSeconds": SESSION_S,
        }
    ]


def test_a_role_without_an_external_id_names_none() -> None:
    sts = Sts(timedelta(hours=1))
    key_of(assumed_session(Source(sts), ROLE.model_copy(update={"external_id": None})))
    assert "ExternalId" not in sts.asked[0]


def test_a_session_that_is_half_over_is_renewed_so_that_new_urls_live_for_half_an_hour() -> None:
    sts = Sts(timedelta(seconds=OVERDUE_S - 1))
    session = assumed_session(Source(sts), ROLE)
    assert [key_of(session), key_of(session)] == ["ASIA1", "ASIA2"]


def test_an_upload_outlives_the_session_that_it_was_begun_with(s3_url: str, bucket: str) -> None:
    sts = Sts(timedelta(seconds=OVERDUE_S - 1))
    with fault_proxy(s3_url) as proxy:
        made = S3Stores(Source(sts), no_keys)
        upload = made.open(with_roles(proxy.url, bucket), "snapshots", "unused").bucket.start_upload("a")
        upload.part(1, b"x")
        upload.complete()
    signers = [headers["authorization"].split("Credential=")[1].split("/")[0] for headers in proxy.headers]
    assert len(set(signers)) == len(signers) == 4
    assert {headers["x-amz-security-token"] for headers in proxy.headers} == {f"token-{key}" for key in signers}


def no_keys(name: str) -> StoreKeys:
    raise AssertionError(f"nobody should read {name}")


@pytest.mark.parametrize(
    ("status", "code", "family", "expected"),
    [
        (403, "AccessDenied", PermanentError, "storage_role_refused"),
        (400, "ValidationError", PermanentError, "storage_role_refused"),
        (400, "Throttling", TransientError, "storage_unavailable"),
        (503, "ServiceUnavailable", TransientError, "storage_unavailable"),
    ],
)
def test_a_role_that_may_not_be_assumed_is_told_as_such(
    s3_url: str, bucket: str, status: int, code: str, family: type[HoldfastError], expected: str
) -> None:
    class Refusing(Sts):
        def assume_role(self, **_: Any) -> dict[str, Any]:
            error: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(error, "AssumeRole")

    made = S3Stores(Source(Refusing(timedelta(hours=1))), no_keys)
    with pytest.raises(family) as error:
        made.open(with_roles(s3_url, bucket), "snapshots", "unused").bucket.put("a", b"x")
    assert error.value.code == expected


def test_each_side_assumes_its_own_role(s3_url: str, bucket: str) -> None:
    sts = Sts(timedelta(hours=1))
    made = S3Stores(Source(sts), no_keys, endpoint_url="http://127.0.0.1:4566")
    spec = with_roles(s3_url, bucket).model_copy(update={"secrets_bucket": bucket})
    for side in ("snapshots", "secrets"):
        made.open(spec, side, "unused").bucket.put("a", b"x")
    assert [each["RoleArn"].rpartition("/")[2] for each in sts.asked] == ["store", "store-secrets"]


def test_sts_is_asked_where_the_installation_is_and_not_at_the_store() -> None:
    source = Source(Sts(timedelta(hours=1)))
    key_of(assumed_session(source, ROLE, endpoint_url="http://127.0.0.1:4566"))
    assert source.endpoints == ["http://127.0.0.1:4566"]


class Secret:
    """A secret whose keys are exchanged; every reading is counted."""

    def __init__(self) -> None:
        self.number, self.read = 1, 0
        self.error: HoldfastError | None = None
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def keys(self) -> StoreKeys:
        self.read += 1
        if self.error is not None:
            raise self.error
        return StoreKeys.model_validate(
            {"access_key": f"AK{self.number}", "secret_key": "s", "session_token": f"token-{self.number}"}
        )

    def clock(self) -> datetime:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def session(self) -> boto3.Session:
        return keyed_session(SESSION, self.keys, now=self.clock)


def test_keys_that_are_exchanged_in_mid_upload_are_used_from_then_on(s3_url: str, bucket: str) -> None:
    """Static keys in a secret, and whoever renews them while a large database is on its way."""
    secret = Secret()
    with fault_proxy(s3_url) as proxy:
        upload = S3Bucket(s3_client(secret.session, endpoint_url=proxy.url), bucket).start_upload("a")
        secret.number = 2
        upload.part(1, bytes(5 * 1024 * 1024))
        secret.advance(KEYS_LIFE_S + 1)
        upload.part(2, b"y")
        upload.complete()
    tokens = [headers["x-amz-security-token"] for headers in proxy.headers]
    assert tokens[:3] == ["token-1", "token-1", "token-2"]
    assert set(tokens[3:]) == {"token-2"}
    assert secret.read == 2


def test_keys_at_hand_do_for_ten_minutes_when_the_secret_cannot_be_read() -> None:
    secret = Secret()
    session = secret.session
    assert key_of(session) == "AK1"
    secret.error = TransientError("secrets_unavailable", "on demand")
    secret.advance(KEYS_LIFE_S + 1)
    assert key_of(session) == "AK1"
    secret.advance(KEYS_LIFE_S)
    with pytest.raises(TransientError, match="on demand"):
        key_of(session)
    secret.error, secret.number = None, 2
    assert key_of(session) == "AK2"
