"""What Holdfast relies on from the stores of the embedded stack, S3 and DynamoDB, and from its IAM gate."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from builders.probe import Probe


def test_a_second_put_of_the_same_key_is_refused_on_request(probe: Probe) -> None:
    s3, bucket = probe.client("s3"), probe.info.outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")

    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_a_part_that_is_not_what_its_checksum_says_is_refused(probe: Probe) -> None:
    s3, bucket = probe.client("s3"), probe.info.outputs["Bucket"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]

    with pytest.raises(ClientError) as caught:
        s3.upload_part(
            Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x", ChecksumSHA256="A" * 43 + "="
        )

    assert caught.value.response["Error"]["Code"] == "BadDigest"


def test_versioning_and_object_lock_come_from_the_template(probe: Probe) -> None:
    s3, bucket = probe.client("s3"), probe.info.outputs["Bucket"]

    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert lock["ObjectLockEnabled"] == "Enabled"


def test_an_expired_presigned_url_is_refused(probe: Probe) -> None:
    s3, where = probe.client("s3"), {"Bucket": probe.info.outputs["Bucket"], "Key": "presigned"}
    s3.put_object(**where, Body=b"1")
    good = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    expired = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=-1)

    with urllib.request.urlopen(good) as answer:  # noqa: S310 - the stack's own URL
        assert answer.read() == b"1"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(expired)  # noqa: S310
    assert caught.value.code == 403


def test_what_the_role_does_not_allow_is_refused_and_recorded(probe: Probe) -> None:
    allowed, _ = probe.invoke(do="put", key="allowed/a")
    refused, answer = probe.invoke(do="put", key="elsewhere/a")

    assert allowed is None
    assert refused == "Unhandled"
    assert "AccessDenied" in answer["errorMessage"]
    records = [json.loads(line) for line in probe.home.iam_log.read_text().splitlines()]
    decisions = {record["resource"].rpartition(":")[2]: record["decision"] for record in records}
    bucket = probe.info.outputs["Bucket"]
    assert decisions[f"{bucket}/allowed/a"] == "allowed"
    assert decisions[f"{bucket}/elsewhere/a"] == "implicitDeny"
    (key,) = {record["resource"] for record in records if record["action"] == "kms:GenerateDataKey"}
    assert key == probe.info.outputs["Key"], "the bucket's key is used in the caller's name"


def test_an_object_lies_under_the_key_that_the_template_names(probe: Probe) -> None:
    s3, where = probe.client("s3"), {"Bucket": probe.info.outputs["Bucket"], "Key": "encrypted"}
    s3.put_object(**where, Body=b"1")
    head = s3.head_object(**where)

    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", probe.info.outputs["Key"])


def test_a_conditional_write_to_the_table_fails_the_second_time(probe: Probe) -> None:
    table, item = probe.client("dynamodb"), {"pk": {"S": "lease"}, "sk": {"S": "lease"}}
    once = {"TableName": probe.info.outputs["Table"], "ConditionExpression": "attribute_not_exists(pk)", "Item": item}
    table.put_item(**once)

    with pytest.raises(ClientError) as caught:
        table.put_item(**once)

    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
