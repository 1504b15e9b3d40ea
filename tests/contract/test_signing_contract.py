"""What every signing key keeps: in memory, and KMS. tests/e2e/test_embedded_signing.py asks LocalStack's the same."""

import hashlib

import pytest

from builders.kms import ARN, KmsClient
from builders.moto_aws import AnswersWith, moto_aws
from holdfast.errors import PermanentError, TransientError
from holdfast.signing.base import SigningKey
from holdfast.signing.kms import KmsSigningKey
from holdfast.signing.memory import MemorySigningKey
from holdfast.signing.public_keys import fits

DIGEST = hashlib.sha256(b"a manifest").digest()


class Memory:
    def __init__(self) -> None:
        self.key = MemorySigningKey()

    def become(self, state: str) -> None:
        self.key.state = state


class Kms:
    def __init__(self, spec: str = "ECC_NIST_P256") -> None:
        self.client = KmsClient(spec)
        self.key = KmsSigningKey(self.client, ARN)

    def become(self, state: str) -> None:
        self.client.state = state


@pytest.fixture(params=[Memory, Kms], ids=lambda made: made.__name__.lower())
def given(request: pytest.FixtureRequest) -> Memory | Kms:
    made: Memory | Kms = request.param()
    return made


def test_a_signature_fits_the_public_key_and_the_digest(given: Memory | Kms) -> None:
    key: SigningKey = given.key
    assert fits(key.public_key(), DIGEST, key.sign(DIGEST))


def test_it_fits_no_other_digest_and_no_other_key(given: Memory | Kms) -> None:
    signature = given.key.sign(DIGEST)
    assert not fits(given.key.public_key(), hashlib.sha256(b"another").digest(), signature)
    assert not fits(MemorySigningKey().public_key(), DIGEST, signature)
    assert not fits(given.key.public_key(), DIGEST, signature[:-1])
    assert not fits(given.key.public_key(), DIGEST, b"")


def test_two_signatures_of_one_digest_are_both_good(given: Memory | Kms) -> None:
    signatures = {given.key.sign(DIGEST) for _ in range(2)}
    assert all(fits(given.key.public_key(), DIGEST, each) for each in signatures)


def test_a_key_that_can_be_used_says_nothing(given: Memory | Kms) -> None:
    given.key.refuse_unusable()


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_a_key_that_is_not_enabled_does_nothing_and_says_so(given: Memory | Kms, state: str) -> None:
    given.become(state)
    for ask in (given.key.refuse_unusable, given.key.public_key, lambda: given.key.sign(DIGEST)):
        with pytest.raises(PermanentError) as caught:
            ask()
        assert caught.value.code == "signing_key_unusable"
    with pytest.raises(PermanentError, match=state):
        given.key.refuse_unusable()


def test_a_digest_of_another_length_is_refused(given: Memory | Kms) -> None:
    with pytest.raises(PermanentError) as caught:
        given.key.sign(DIGEST[:-1])
    assert caught.value.code == "signing_refused"


def test_kms_is_asked_for_the_public_key_once() -> None:
    made = Kms()
    first = made.key.public_key()
    made.become("Disabled")
    assert made.key.public_key() == first
    assert made.client.calls == {"get_public_key": 1}


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P384"])
def test_a_key_of_another_kind_cannot_be_used(spec: str) -> None:
    key = Kms(spec).key
    for ask in (key.refuse_unusable, key.public_key):
        with pytest.raises(PermanentError, match="ECC_NIST_P256") as caught:
            ask()
        assert caught.value.code == "signing_key_unusable"


def test_a_key_that_is_gone_cannot_be_used() -> None:
    key = KmsSigningKey(KmsClient(), ARN.replace("1234abcd", "00000000"))
    with pytest.raises(PermanentError) as caught:
        key.refuse_unusable()
    assert caught.value.code == "signing_key_unusable"


@pytest.mark.parametrize(
    ("answer", "code", "family"),
    [
        ("DisabledException", "signing_key_unusable", "permanent"),
        ("KMSInvalidStateException", "signing_key_unusable", "permanent"),
        ("AccessDeniedException", "signing_access_denied", "permanent"),
        ("ThrottlingException", "signing_unavailable", "transient"),
        ("KMSInternalException", "signing_unavailable", "transient"),
        ("KeyUnavailableException", "signing_unavailable", "transient"),
        ("ValidationException", "signing_refused", "permanent"),
    ],
)
def test_what_kms_says_becomes_one_of_our_errors(answer: str, code: str, family: str) -> None:
    status = 500 if answer in ("KMSInternalException", "KeyUnavailableException") else 400
    with moto_aws() as client:
        key = KmsSigningKey(AnswersWith(client("kms"), answer, status), ARN)
        for ask in (key.refuse_unusable, key.public_key, lambda: key.sign(DIGEST)):
            with pytest.raises((PermanentError, TransientError)) as caught:
                ask()
            assert (caught.value.code, caught.value.family) == (code, family)


def test_the_double_fails_when_a_test_says_so() -> None:
    key = MemorySigningKey()
    key.fail("sign", TransientError("signing_unavailable", "nobody answers"))
    with pytest.raises(TransientError):
        key.sign(DIGEST)
    assert key.sign(DIGEST)
