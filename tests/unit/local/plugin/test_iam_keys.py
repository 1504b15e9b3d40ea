"""What a service does with a key in its caller's name: without the right to the key nobody reads what lies under it."""

from typing import Any

import pytest

from holdfast.local.plugin.iam_actions import Call
from holdfast.local.plugin.iam_keys import KeyUse, key_checks, key_of_put, key_of_stored

KEY = "arn:aws:kms:eu-west-1:000000000000:key/1"
DEFAULT = {
    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
    "BucketKeyEnabled": True,
}


def actions(service: str, operation: str, **parameters: Any) -> list[str]:
    call = Call(service, operation, parameters, "eu-west-1", "000000000000", arns=lambda _, name: name)
    return [check.action for check in key_checks(call, KeyUse(KEY, {}))]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("PutObject", ["kms:GenerateDataKey"]),
        ("GetObject", ["kms:Decrypt"]),
        ("CreateMultipartUpload", ["kms:GenerateDataKey"]),
        ("UploadPart", ["kms:Decrypt"]),
        ("CompleteMultipartUpload", ["kms:Decrypt"]),
        ("ListObjectsV2", []),
        ("DeleteObject", []),
        ("PutObjectRetention", []),
        ("HeadObject", []),
    ],
)
def test_who_writes_makes_a_data_key_and_who_reads_decrypts_one(operation: str, expected: list[str]) -> None:
    assert actions("s3", operation, Bucket="b", Key="k") == expected


def test_an_objects_checksum_is_encrypted_too() -> None:
    assert actions("s3", "HeadObject", Bucket="b", Key="k", ChecksumMode="ENABLED") == ["kms:Decrypt"]


def test_a_topic_and_a_secret_need_their_keys_as_well() -> None:
    assert actions("sns", "Publish") == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert actions("secretsmanager", "GetSecretValue") == ["kms:Decrypt"]
    assert actions("secretsmanager", "DescribeSecret") == []


def test_a_check_says_through_which_service_and_for_what_the_key_is_used() -> None:
    call = Call("s3", "GetObject", {}, "eu-west-1", "000000000000", arns=lambda _, name: name)
    (check,) = key_checks(call, key_of_stored("b", "k", KEY, with_bucket_key=True))
    assert check.resource == KEY
    assert check.context == {
        "kms:ViaService": "s3.eu-west-1.amazonaws.com",
        "kms:CallerAccount": "000000000000",
        "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::b",
    }


def test_without_a_bucket_key_the_context_is_the_object() -> None:
    assert key_of_stored("b", "k", KEY, with_bucket_key=False).context == {"aws:s3:arn": "arn:aws:s3:::b/k"}


def test_nothing_is_checked_where_there_is_no_key() -> None:
    call = Call("s3", "GetObject", {}, "eu-west-1", "000000000000", arns=lambda _, name: name)
    assert key_checks(call, None) == []


@pytest.mark.parametrize(
    ("default", "asked", "key"),
    [
        (DEFAULT, {}, KEY),
        (DEFAULT, {"SSEKMSKeyId": "other", "ServerSideEncryption": "aws:kms"}, "other"),
        (DEFAULT, {"ServerSideEncryption": "AES256"}, None),
        (None, {}, None),
        ({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}, {}, None),
        (None, {"SSEKMSKeyId": "other", "ServerSideEncryption": "aws:kms"}, "other"),
    ],
)
def test_a_put_is_encrypted_as_it_asks_or_else_as_its_bucket_says(
    default: dict[str, Any] | None, asked: dict[str, str], key: str | None
) -> None:
    use = key_of_put("b", default, {"Key": "k", **asked})
    assert (use.key if use else None) == key
