"""KMS of the embedded stack signs as the adapter expects of KMS (tests/contract/test_signing_contract.py)."""

import hashlib

import pytest

from builders.probe import Probe
from holdfast.errors import PermanentError
from holdfast.signing.kms import KmsSigningKey
from holdfast.signing.memory import MemorySigningKey
from holdfast.signing.public_keys import fits

DIGEST = hashlib.sha256(b"a manifest").digest()


@pytest.fixture
def key(probe: Probe) -> KmsSigningKey:
    kms = probe.client("kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    return KmsSigningKey(kms, made["Arn"])


def test_a_signature_of_kms_fits_its_public_key_here(key: KmsSigningKey) -> None:
    signature = key.sign(DIGEST)
    assert fits(key.public_key(), DIGEST, signature)
    assert not fits(key.public_key(), hashlib.sha256(b"another").digest(), signature)
    assert not fits(MemorySigningKey().public_key(), DIGEST, signature)
    key.refuse_unusable()


def test_a_disabled_key_and_one_that_waits_for_its_deletion_sign_nothing(probe: Probe, key: KmsSigningKey) -> None:
    kms = probe.client("kms")
    for change, more, state in (
        (kms.disable_key, {}, "Disabled"),
        (kms.schedule_key_deletion, {"PendingWindowInDays": 7}, "PendingDeletion"),
    ):
        change(KeyId=key.name, **more)
        with pytest.raises(PermanentError, match=state) as caught:
            key.refuse_unusable()
        assert caught.value.code == "signing_key_unusable"
        with pytest.raises(PermanentError) as caught:
            key.sign(DIGEST)
        assert caught.value.code == "signing_key_unusable"


def test_a_key_of_another_kind_is_refused(probe: Probe) -> None:
    kms = probe.client("kms")
    made = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    for ask in (KmsSigningKey(kms, made["Arn"]).refuse_unusable, KmsSigningKey(kms, made["Arn"]).public_key):
        with pytest.raises(PermanentError) as caught:
            ask()
        assert caught.value.code == "signing_key_unusable"
