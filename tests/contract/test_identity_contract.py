"""What every identity keeps: in memory, and STS (on moto)."""

from collections.abc import Iterator

import pytest

from builders.moto_aws import ACCOUNT, AnswersWith, moto_aws
from holdfast.errors import PermanentError, TransientError
from holdfast.identity.base import Identity
from holdfast.identity.memory import MemoryIdentity
from holdfast.identity.sts import StsIdentity


@pytest.fixture(params=["memory", "sts"])
def identity(request: pytest.FixtureRequest) -> Iterator[Identity]:
    if request.param == "memory":
        yield MemoryIdentity()
        return
    with moto_aws() as client:
        yield StsIdentity(client("sts"))


def test_the_caller_is_an_arn_of_the_account(identity: Identity) -> None:
    assert identity.caller().startswith("arn:aws:")
    assert ACCOUNT in identity.caller()


def test_expired_credentials_say_so() -> None:
    with moto_aws() as client:
        identity = StsIdentity(AnswersWith(client("sts"), "ExpiredToken", 403))
        with pytest.raises(PermanentError) as caught:
            identity.caller()
    assert caught.value.code == "identity_access_denied"
    assert "log in again" in caught.value.hint


def test_a_busy_service_is_worth_another_try() -> None:
    with moto_aws() as client:
        identity = StsIdentity(AnswersWith(client("sts"), "Throttling"))
        with pytest.raises(TransientError) as caught:
            identity.caller()
    assert caught.value.code == "identity_unavailable"


def test_the_double_fails_when_a_test_says_so() -> None:
    identity = MemoryIdentity()
    identity.fail("caller", TransientError("identity_unavailable", "nobody answers"))
    with pytest.raises(TransientError):
        identity.caller()
    assert identity.caller()
