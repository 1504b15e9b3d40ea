"""A store that does not do what a put asks for is found out by its answer."""

import pytest

from holdfast.errors import PermanentError
from holdfast.models.storage import EncryptionSpec
from holdfast.storage.s3_encryption import encryption_parameters, refuse_ignored

KMS = EncryptionSpec(kind="kms", key="k-1", secrets_key="k-2").headers("snapshots")


@pytest.mark.parametrize("answer", [{}, {"ServerSideEncryption": "AES256"}])
def test_an_answer_without_the_encryption_that_was_asked_for_is_refused(answer: dict[str, str]) -> None:
    with pytest.raises(PermanentError) as ignored:
        refuse_ignored(encryption_parameters(KMS), answer, "s3://b/k")
    assert ignored.value.code == "storage_encryption_ignored"
    assert "aws:kms" in ignored.value.message


def test_an_answer_that_names_it_is_accepted() -> None:
    refuse_ignored(encryption_parameters(KMS), {"ServerSideEncryption": "aws:kms"}, "s3://b/k")


def test_a_put_that_asks_for_nothing_takes_any_answer() -> None:
    for answer in ({}, {"ServerSideEncryption": "aws:kms"}):
        refuse_ignored(encryption_parameters({}), answer, "s3://b/k")
