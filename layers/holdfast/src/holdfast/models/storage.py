"""`StorageSpec`: where objects go and how the store is spoken to, for one cluster or for a whole installation.

The file format is docs/reference/storage.md. The same spec makes the clients of every verb: what puts a backup, lists
it, reads it back, signs a node's URL and removes it knows the same CA, proxy and keys.
"""

import ipaddress
import re
import ssl
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from holdfast.models.base import Model

Side = Literal["snapshots", "secrets"]
Checksums = Literal["sha256", "none"]

# It travels to every node with every command, and in an installation's parameter, which CloudFormation cuts at 4096.
LARGEST_CA = 16_384
_NO_CUSTOMER_KEYS = (
    "customer keys (SSE-C) are refused: a key that is lost takes every backup with it, and each presigned URL for a "
    "node would have to carry it; use kind: kms, where the key never leaves its service"
)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _plain_address(url: str, what: str) -> tuple[str, str]:
    """Scheme and host of SCHEME://HOST[:PORT] and nothing more."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{what} holds no user and no password: this file is no place for a secret")
    if not re.fullmatch(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?/?", url) or not parts.hostname:
        raise ValueError(f"{what} is https://HOST[:PORT] and nothing more")
    if parts.port == 0:
        raise ValueError(f"{what} has a port from 1 to 65535")
    return parts.scheme, parts.hostname


def _endpoint(url: str) -> str:
    scheme, host = _plain_address(url, "a store's endpoint")
    if scheme != "https" and not _is_loopback(host):
        raise ValueError("a store's endpoint starts with https:// (plain http would show every Secret on the way)")
    # In one spelling, as clusters whose objects would meet are found by it.
    return url.rstrip("/").lower().removesuffix(":443" if scheme == "https" else ":80")


def _proxy(url: str) -> str:
    scheme, _ = _plain_address(url, "a proxy")
    if scheme != "http":
        raise ValueError("a proxy is http://HOST:PORT: TLS to the store passes through it untouched")
    return url.rstrip("/")


def _authorities(text: str) -> str:
    """PEM certificates and nothing else: whatever is pasted beside them, a key above all, must not travel."""
    blocks = re.findall(r"-----BEGIN ([A-Z0-9 ]+)-----", text)
    if not blocks:
        raise ValueError("is no PEM text: it needs a line -----BEGIN CERTIFICATE-----")
    if set(blocks) != {"CERTIFICATE"}:
        raise ValueError("holds more than certificates; only the authority's own certificate belongs here")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("holds PEM text that is no X.509 certificate") from error
    found = re.findall(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----", text)
    return "".join(f"{block}\n" for block in found)


def _secret_of(folder: str) -> AfterValidator:
    def check(name: str) -> str:
        if "-----BEGIN" in name or "\n" in name:
            raise ValueError("credentials are the name of a secret in Secrets Manager, never the value itself")
        if not re.fullmatch(rf"{folder}/[A-Za-z0-9/_+=.@-]{{1,400}}", name):
            raise ValueError(f"the name of this secret starts with {folder}/ (the functions may read no other)")
        return name

    return AfterValidator(check)


Endpoint = Annotated[str, StringConstraints(max_length=255), AfterValidator(_endpoint)]
Proxy = Annotated[str, StringConstraints(max_length=255), AfterValidator(_proxy)]
Authorities = Annotated[str, StringConstraints(max_length=LARGEST_CA), AfterValidator(_authorities)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
# What every store takes at most: the rules of S3, https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Folder = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,62}){0,4}$")
]
KmsKey = Annotated[
    str, StringConstraints(pattern=r"^(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/)?[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")
]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9/_+=,.@-]{1,576}$")]
# What sts:AssumeRole takes.
ExternalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+=,.@:/_-]{2,1224}$")]
SessionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+=,.@_-]{2,64}$")]


class RoleSpec(Model):
    """A role that is assumed for one bucket. `external_id` is what its trust policy asks for, if it does."""

    arn: RoleArn
    external_id: ExternalId | None = None
    session_name: SessionName = "holdfast"


class EncryptionSpec(Model):
    """Which encryption every put names. `bucket` names none: the bucket's own default applies.

    Snapshots and secrets never share a key: one that is lost, or given away, must not take both.
    """

    kind: Literal["bucket", "s3", "kms"] = "bucket"
    key: KmsKey | None = None
    secrets_key: KmsKey | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_customer_keys(cls, value: Any) -> Any:
        if isinstance(value, dict) and (
            "customer_key" in value or str(value.get("kind", "")).lower() in ("c", "customer", "sse-c", "ssec")
        ):
            raise ValueError(_NO_CUSTOMER_KEYS)
        return value

    @model_validator(mode="after")
    def _keys_belong_to_kms(self) -> Self:
        if self.kind != "kms" and (self.key or self.secrets_key):
            raise ValueError("key and secrets_key belong to kind: kms")
        if self.kind == "kms" and not (self.key and self.secrets_key):
            raise ValueError("kind: kms needs key and secrets_key")
        if self.key and self.key == self.secrets_key:
            raise ValueError("key and secrets_key must differ: snapshots and secrets share no key")
        return self

    def headers(self, side: Side) -> dict[str, str]:
        """What a put on that side says, as HTTP names it. Empty where the bucket decides."""
        if self.kind == "bucket":
            return {}
        if self.kind == "s3":
            return {"x-amz-server-side-encryption": "AES256"}
        key = self.key if side == "snapshots" else self.secrets_key
        return {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": str(key)}


class StorageSpec(Model):
    """One S3 store with its two buckets. Nothing set means: the stack's own buckets, by the caller's own rights.

    `connect_timeout_s` and `read_timeout_s` are seconds, `attempts` counts the first try too. `checksums: none` is for
    stores that refuse SHA-256 checksums, `conditional_puts: false` for such as ignore `If-None-Match`, `object_lock:
    false` for such as have none.
    """

    endpoint: Endpoint | None = None
    region: Region | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    ca: Authorities | None = None
    proxy: Proxy | None = None
    connect_timeout_s: int = Field(default=10, ge=1, le=60)
    read_timeout_s: int = Field(default=60, ge=5, le=300)
    attempts: int = Field(default=6, ge=1, le=10)
    bucket: BucketName | None = None
    secrets_bucket: BucketName | None = None
    folder: Folder | None = None
    credentials: Annotated[str, _secret_of("holdfast-store")] | None = None
    secrets_credentials: Annotated[str, _secret_of("holdfast-store-secrets")] | None = None
    role: RoleSpec | None = None
    secrets_role: RoleSpec | None = None
    encryption: EncryptionSpec = EncryptionSpec()
    checksums: Checksums = "sha256"
    conditional_puts: bool = True
    object_lock: bool = True

    @model_validator(mode="before")
    @classmethod
    def _no_customer_keys(cls, value: Any) -> Any:
        if isinstance(value, dict) and "customer_key" in value:
            raise ValueError(_NO_CUSTOMER_KEYS)
        return value

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.bucket is None) != (self.secrets_bucket is None):
            raise ValueError("bucket and secrets_bucket come together")
        if self.bucket is not None and self.bucket == self.secrets_bucket:
            raise ValueError("bucket and secrets_bucket must differ: snapshots and secrets share no bucket")
        if (self.credentials is None) != (self.secrets_credentials is None):
            raise ValueError("credentials and secrets_credentials come together: who may write one reads not the other")
        if (self.role is None) != (self.secrets_role is None):
            raise ValueError("role and secrets_role come together: who may write one reads not the other")
        if self.role is not None and self.secrets_role is not None and self.role.arn == self.secrets_role.arn:
            raise ValueError("role and secrets_role must differ: snapshots and secrets share no role")
        if self.role is not None and self.credentials is not None:
            raise ValueError("either role or credentials says who Holdfast is at the store")
        # With a proxy of somebody's choice, his own authority would open every snapshot in the stack's buckets to him.
        if self.ca is not None and self.endpoint is None:
            raise ValueError("ca belongs to an endpoint of your own: AWS shows certificates that every machine trusts")
        if self.is_elsewhere and self.bucket is None:
            raise ValueError("endpoint, region, role and credentials are another store's: name its bucket too")
        if self.bucket is not None and self.role is None and self.credentials is None:
            raise ValueError("a bucket of your own needs role or credentials: the functions' roles know the stack's")
        return self

    @property
    def is_elsewhere(self) -> bool:
        """Whether anything here leads away from the stack's own buckets."""
        return any((self.endpoint, self.region, self.role, self.credentials))

    def role_of(self, side: Side) -> RoleSpec | None:
        return self.role if side == "snapshots" else self.secrets_role

    def credentials_of(self, side: Side) -> str | None:
        return self.credentials if side == "snapshots" else self.secrets_credentials

    def bucket_of(self, side: Side) -> str | None:
        return self.bucket if side == "snapshots" else self.secrets_bucket


class StoreKeys(Model):
    """Static keys for a store, from a secret. With `session_token` they are short-lived; whoever made them renews the
    secret, which is read again after some minutes."""

    access_key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
    secret_key: SecretStr
    session_token: SecretStr | None = None

    @model_validator(mode="after")
    def _one_line_each(self) -> Self:
        for name in ("secret_key", "session_token"):
            value = getattr(self, name)
            if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
                raise ValueError(f"{name} is one line of printable characters without blanks")
        return self
