"""Where a cluster's objects go, asked of the wiring as functions and the command line ask it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from builders.moto_aws import ACCOUNT, SESSION, TABLE, create_table, moto_aws
from builders.specs import cluster_spec
from builders.stores import storage
from holdfast.errors import PermanentError, TransientError
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

AWAY = storage(endpoint=None, region="eu-central-1", bucket="away", secrets_bucket="away-secrets").model_dump(
    mode="json"
)


@pytest.fixture
def services() -> Iterator[tuple[AwsServices, Any]]:
    with moto_aws() as client:
        create_table(client("dynamodb"))
        s3 = client("s3")
        for name in ("own", "own-secrets", "away", "away-secrets"):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for name in ("holdfast-store/lab", "holdfast-store-secrets/lab"):
            text = json.dumps({"access_key": "AK", "secret_key": "s"})
            client("secretsmanager").create_secret(Name=name, SecretString=text)
        settings = Settings(snapshots_bucket="own", secrets_bucket="own-secrets", table=TABLE)
        yield AwsServices(settings, SESSION), s3


def keys_in(s3: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


def test_a_cluster_with_a_storage_has_its_objects_there_and_all_others_in_the_stacks_buckets(
    services: tuple[AwsServices, Any],
) -> None:
    wired, s3 = services
    wired.clusters.put(cluster_spec("lab", storage=AWAY | {"folder": "team"}), replace=False)
    wired.clusters.put(cluster_spec("prod-1"), replace=False)
    for key in ("lab/a", "prod-1/a", "removed/a"):
        wired.writer.put(key, key.encode())
    assert keys_in(s3, "away") == ["team/lab/a"]
    assert keys_in(s3, "own") == ["prod-1/a", "removed/a"]
    assert [info.key for info in wired.secrets_reader.list("lab/")] == []
    assert "away-secrets.s3" in wired.secrets_grants.read_url("lab/x", expires_s=9).get_secret_value()
    assert "own.s3" in wired.grants.read_url("prod-1/x", expires_s=9).get_secret_value()
    assert (wired.buckets("lab").snapshots, wired.buckets("prod-1").snapshots) == ("away/team", "own")


def test_the_installations_storage_holds_for_clusters_without_one(services: tuple[AwsServices, Any]) -> None:
    _, s3 = services
    settings = Settings.from_environment(
        {
            "HOLDFAST_SNAPSHOTS_BUCKET": "own",
            "HOLDFAST_TABLE": TABLE,
            "HOLDFAST_STORAGE": json.dumps({"encryption": {"kind": "s3"}, "folder": "all"}),
        }
    )
    AwsServices(settings, SESSION).writer.put("prod-1/a", b"x")
    assert s3.head_object(Bucket="own", Key="all/prod-1/a")["ServerSideEncryption"] == "AES256"


def test_a_spec_that_cannot_be_read_is_no_reason_to_write_into_the_stacks_bucket(
    services: tuple[AwsServices, Any],
) -> None:
    _, s3 = services
    lost = AwsServices(Settings(snapshots_bucket="own", table="no-such-table"), SESSION)
    with pytest.raises((PermanentError, TransientError)) as error:
        lost.writer.put("lab/a", b"x")
    assert error.value.code == "state_table_missing"
    assert keys_in(s3, "own") == []


def test_keys_that_a_function_may_not_read_are_told_with_the_secrets_name(services: tuple[AwsServices, Any]) -> None:
    wired, _ = services
    gone = AWAY | {"credentials": "holdfast-store/gone"}
    wired.clusters.put(cluster_spec("lab", storage=gone), replace=False)
    with pytest.raises(PermanentError, match="holdfast-store/gone") as error:
        wired.reader.read("lab/a")
    assert error.value.code == "secret_not_found"


def test_a_role_is_assumed_for_a_clusters_bucket_and_another_one_for_its_secrets(
    services: tuple[AwsServices, Any],
) -> None:
    wired, s3 = services
    arn = f"arn:aws:iam::{ACCOUNT}:role/store"
    by_role = {
        "region": "eu-central-1",
        "bucket": "away",
        "secrets_bucket": "away-secrets",
        "role": {"arn": f"{arn}-snapshots", "external_id": "lab-7"},
        "secrets_role": {"arn": f"{arn}-secrets", "external_id": "lab-7"},
    }
    wired.clusters.put(cluster_spec("lab", storage=by_role), replace=False)
    wired.writer.put("lab/a", b"x")
    upload = wired.writer.start_upload("lab/b")
    upload.part(1, b"y")
    upload.complete()
    assert wired.reader.read("lab/b") == b"y"
    assert keys_in(s3, "away") == ["lab/a", "lab/b"]
    signers = [
        grants.read_url("lab/a", expires_s=9).get_secret_value().split("X-Amz-Credential=")[1].split("%2F")[0]
        for grants in (wired.grants, wired.secrets_grants)
    ]
    assert len(set(signers)) == 2
    assert "test" not in signers
