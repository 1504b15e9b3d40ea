"""The template's words for a bucket's encryption become those of S3's API."""

from typing import Any

import pytest

from holdfast.local.plugin.s3_defaults import rules_of


@pytest.mark.parametrize("enabled", [True, "true"])
def test_a_declared_rule_is_put_as_it_is(enabled: bool | str) -> None:
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "a key"}
    rule = {"BucketKeyEnabled": enabled, "ServerSideEncryptionByDefault": by_default}
    assert rules_of({"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}) == [
        {"BucketKeyEnabled": True, "ApplyServerSideEncryptionByDefault": by_default}
    ]


@pytest.mark.parametrize("model", [{}, {"BucketEncryption": None}, {"BucketEncryption": {}}])
def test_a_bucket_without_one_keeps_what_s3_gives_it(model: dict[str, Any]) -> None:
    assert rules_of(model) == []
