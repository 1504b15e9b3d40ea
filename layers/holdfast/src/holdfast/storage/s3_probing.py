"""The look at a store over S3: what its bucket says of itself, and what becomes of a probe object."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from holdfast.errors import HoldfastError
from holdfast.models.run import ErrorInfo
from holdfast.models.storage import Side, StorageSpec
from holdfast.models.store import StoreFacts
from holdfast.storage.checksums import sums_of_put
from holdfast.storage.failures import error_code, named_region, status_of, storage_errors
from holdfast.storage.s3_encryption import encryption_parameters
from holdfast.storage.s3_stores import S3Stores

PROBE = b"holdfast cluster check wrote this, and removes it\n"
# What a bucket answers that has no such configuration, in the words of AWS, Ceph and moto.
_ABSENT = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchObjectLockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


class S3Probe:
    """`own_buckets` are the stack's, for specs that name none; `kms` makes a client that may describe keys."""

    def __init__(self, stores: S3Stores, own_buckets: dict[Side, str], kms: Callable[[StorageSpec, Side], Any]) -> None:
        self._stores, self._own_buckets, self._kms = stores, own_buckets, kms

    def look(self, cluster_id: str, spec: StorageSpec, side: Side, check_id: str) -> StoreFacts:
        bucket = spec.bucket_of(side) or self._own_buckets[side]
        folder = f"{spec.folder}/" if spec.folder else ""
        look = _Look(self._stores.client(spec, side), bucket, spec, side, f"{folder}{cluster_id}/check/{check_id}")
        facts = StoreFacts(side=side, bucket=bucket).model_copy(update=look.found())
        return facts.model_copy(update=self._key(spec, side, facts))

    def _key(self, spec: StorageSpec, side: Side, facts: StoreFacts) -> dict[str, Any]:
        """The state of the key that encrypts. The keys of a store that is not AWS's are its own affair."""
        key = spec.encryption.key if side == "snapshots" else spec.encryption.secrets_key
        key = key or facts.key
        if not key or spec.endpoint is not None:
            return {}
        try:
            state = str(self._kms(spec, side).describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
        except ClientError as error:
            if error_code(error) == "NotFoundException":
                return {"key": key, "key_state": "missing"}
            return {"key": key, "denied": (*facts.denied, "kms:DescribeKey")}
        except (BotoCoreError, HoldfastError):
            return {"key": key, "denied": (*facts.denied, "kms:DescribeKey")}
        return {"key": key, "key_state": state}


class _Look:
    """One look at one bucket; `found` does everything, in an order in which each answer helps the next question."""

    def __init__(self, client: Any, bucket: str, spec: StorageSpec, side: Side, probe: str) -> None:
        self._client, self._bucket, self._probe = client, bucket, probe
        self._sha256 = spec.checksums == "sha256"
        self._encryption = encryption_parameters(spec.encryption.headers(side))
        self._facts: dict[str, Any] = {"region": client.meta.region_name or ""}
        self._denied: list[str] = []
        self._left: list[str] = []

    def found(self) -> dict[str, Any]:
        self._head()
        if "error" not in self._facts:
            self._configuration()
            self._facts["listing"] = self._try(
                lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._probe, MaxKeys=1)
            )
            # Under a default retention a probe would stay, locked, for as long as a backup.
            if not self._facts.get("default_lock"):
                self._write()
        return {**self._facts, "denied": tuple(self._denied)}

    def _head(self) -> None:
        try:
            with storage_errors(f"s3://{self._bucket}"):
                try:
                    answer = self._client.head_bucket(Bucket=self._bucket)
                except ClientError as error:
                    self._facts["bucket_region"] = named_region(error)
                    self._clock(error.response)
                    # A HEAD has no body: 404 of a bucket, and 400 or 301 of another region, are all it says.
                    if status_of(error) == 404:
                        error.response["Error"]["Code"] = "NoSuchBucket"
                    elif status_of(error) in (301, 307, 400) and named_region(error):
                        error.response["Error"]["Code"] = "PermanentRedirect"
                    elif status_of(error) == 403:
                        # s3:ListBucket, which HEAD needs, is one of many rights; the others are tried.
                        self._denied.append("s3:ListBucket")
                        return
                    raise
        except HoldfastError as error:
            self._facts["error"] = ErrorInfo.of(error)
            return
        self._clock(answer)
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self._facts["bucket_region"] = headers.get("x-amz-bucket-region", "")

    def _clock(self, answer: dict[str, Any]) -> None:
        stamp = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        with suppress(ValueError, TypeError):
            self._facts["clock_off_s"] = (datetime.now(UTC) - parsedate_to_datetime(stamp)).total_seconds()

    def _configuration(self) -> None:
        facts = self._facts
        versioning = self._ask("get_bucket_versioning", "s3:GetBucketVersioning")
        if versioning is not None:
            facts["versioning"] = "on" if versioning.get("Status") == "Enabled" else "off"
        locking = self._ask("get_object_lock_configuration", "s3:GetBucketObjectLockConfiguration")
        if locking is not None:
            told = locking.get("ObjectLockConfiguration", {})
            facts["object_lock"] = "on" if told.get("ObjectLockEnabled") == "Enabled" else "off"
            default = told.get("Rule", {}).get("DefaultRetention", {})
            if default:
                span = f"{default['Days']} days" if "Days" in default else f"{default.get('Years')} years"
                facts["default_lock"] = f"{default.get('Mode', '').lower()} for {span}"
        encryption = self._ask("get_bucket_encryption", "s3:GetEncryptionConfiguration")
        if encryption is not None:
            rules = encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", [{}])
            default = rules[0].get("ApplyServerSideEncryptionByDefault", {})
            facts["encryption"] = default.get("SSEAlgorithm", "")
            facts["key"] = default.get("KMSMasterKeyID", "")
        blocked = self._ask("get_public_access_block", "s3:GetBucketPublicAccessBlock")
        if blocked is not None:
            block = blocked.get("PublicAccessBlockConfiguration", {})
            facts["public_blocked"] = "on" if len(block) == 4 and all(block.values()) else "off"
        status = self._ask("get_bucket_policy_status", "s3:GetBucketPolicyStatus")
        facts["public"] = bool((status or {}).get("PolicyStatus", {}).get("IsPublic"))

    def _ask(self, operation: str, right: str) -> dict[str, Any] | None:
        """Empty where the bucket has no such configuration, None where nobody can tell."""
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self._bucket)
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return {}
            if status_of(error) == 403:
                self._denied.append(right)
            return None
        except BotoCoreError:
            return None
        return answer

    def _try(self, call: Callable[[], Any]) -> ErrorInfo | None:
        try:
            with storage_errors(f"s3://{self._bucket}/{self._probe}"):
                call()
        except HoldfastError as error:
            return ErrorInfo.of(error)
        return None

    def _write(self) -> None:
        facts = self._facts
        try:
            facts["tried"] = True
            facts["writing"] = self._try(lambda: self._put(PROBE))
            facts["uploading"] = self._try(self._begin_and_abort)
            if facts["writing"] is None:
                facts["reading"] = self._try(self._read)
                facts["conditions"] = self._condition()
        finally:
            self._remove()
            facts["left"] = tuple(self._left)

    def _put(self, body: bytes, **conditions: str) -> None:
        """With the sums that S3Bucket sends: botocore's own would go at the body's end, which is another question."""
        sums = sums_of_put(body, sha256=self._sha256)
        self._client.put_object(
            Bucket=self._bucket, Key=self._probe, Body=body, **sums, **self._encryption, **conditions
        )

    def _begin_and_abort(self) -> None:
        """Whether the store knows SHA-256 shows in its answer to an upload that asks for it."""
        target = {"Bucket": self._bucket, "Key": f"{self._probe}.upload"}
        try:
            answer = self._client.create_multipart_upload(**target, ChecksumAlgorithm="SHA256", **self._encryption)
        except ClientError:
            if self._sha256:
                raise
            # Without checksums it may be the header alone that is refused.
            answer = self._client.create_multipart_upload(**target, **self._encryption)
        self._facts["checksums"] = "on" if answer.get("ChecksumAlgorithm") == "SHA256" else "off"
        try:
            self._client.abort_multipart_upload(**target, UploadId=answer["UploadId"])
        except (ClientError, BotoCoreError):
            self._left.append(target["Key"])
            raise

    def _read(self) -> None:
        body = self._client.get_object(Bucket=self._bucket, Key=self._probe)["Body"].read()
        self._facts["same_bytes"] = body == PROBE

    def _condition(self) -> str:
        """Put over what is there, on condition that nothing is."""
        try:
            self._put(PROBE[::-1], IfNoneMatch="*")
        except ClientError as error:
            if status_of(error) == 412:
                return "honoured"
            return "unknown" if status_of(error) in (403, 503) else "refused"
        except BotoCoreError:
            return "unknown"
        return "ignored"

    def _remove(self) -> None:
        """Every version of the probe. Where versions cannot be listed, one plain delete."""
        target = {"Bucket": self._bucket, "Key": self._probe}
        try:
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=self._probe)
            there = [each for page in pages for part in ("Versions", "DeleteMarkers") for each in page.get(part, ())]
            for each in there:
                if each["Key"] == self._probe:
                    self._client.delete_object(**target, VersionId=each["VersionId"])
        except (ClientError, BotoCoreError):
            gone = self._try(lambda: self._client.delete_object(**target)) is None
            # In a bucket with versions a plain delete hides them and removes none.
            if self._facts["writing"] is None and not (gone and self._facts.get("versioning") == "off"):
                self._left.append(self._probe)
