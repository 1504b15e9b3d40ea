"""Whose manifest it is: what is sealed, what is believed, and what a doctored bucket comes to."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.backed_up import CLUSTER, doctor_manifest, one_backup, only_backup, rewrite_manifest
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.engine.catalog import list_backups
from holdfast.engine.signing import LARGEST, load_signed, public_half, signing_findings
from holdfast.engine.verification import verify_and_record
from holdfast.errors import PermanentError, RefusedError, TransientError
from holdfast.planning.naming import DAMAGED, MANIFEST, SIGNATURE, backup_key
from holdfast.signing.base import Signing
from holdfast.signing.memory import MemorySigningKey


def key_of(services: MemoryServices) -> MemorySigningKey:
    key = services.signing.key
    assert isinstance(key, MemorySigningKey)
    return key


def signature_at(services: MemoryServices) -> str:
    return backup_key(CLUSTER, only_backup(services), SIGNATURE)


def state_of(services: MemoryServices) -> str:
    return load_signed(services, CLUSTER, only_backup(services)).signature


def refusal(services: MemoryServices) -> str:
    with pytest.raises(RefusedError) as caught:
        state_of(services)
    assert caught.value.code == "manifest_signature_invalid"
    return caught.value.message


def test_a_backup_is_signed_by_the_key_of_the_installation() -> None:
    services = one_backup()
    assert state_of(services) == "valid"
    stored = json.loads(services.bucket.read(signature_at(services)))
    assert set(stored) == {"schema_version", "algorithm", "key", "manifest_sha256", "signature"}
    assert stored["key"] == key_of(services).name


def test_without_a_key_nothing_is_signed_and_nothing_is_asked_for() -> None:
    services = services_with()
    services.signing = Signing()
    BackupMachine(services).execute(CLUSTER, START)
    assert signature_at(services) not in services.bucket.objects
    assert state_of(services) == "unchecked"
    assert [finding.code for finding in signing_findings(services.signing)] == ["signing_key_missing"]


def test_a_signature_is_there_before_its_manifest() -> None:
    """There is no moment in which a backup exists that nobody signed."""
    services = services_with()
    order: list[str] = []
    put, put_if_absent = services.bucket.put, services.bucket.put_if_absent

    def note(write: Callable[..., str | None]) -> Callable[..., str | None]:
        def written(key: str, body: bytes, **rest: str) -> str | None:
            order.append(key.rpartition("/")[2])
            return write(key, body, **rest)

        return written

    services.bucket.put, services.bucket.put_if_absent = note(put), note(put_if_absent)  # type: ignore[method-assign]
    BackupMachine(services).execute(CLUSTER, START)
    assert order.index(SIGNATURE) < order.index(MANIFEST)


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_a_key_that_cannot_sign_seals_nothing_and_leaves_nothing(state: str) -> None:
    services = services_with()
    key_of(services).state = state
    outcome = BackupMachine(services).execute(CLUSTER, START)
    assert (outcome.status, outcome.phase) == ("failed", "Seal")
    assert outcome.error
    assert outcome.error.code == "signing_key_unusable"
    assert list_backups(services.bucket, CLUSTER) == []
    assert [finding.level for finding in signing_findings(services.signing)] == ["refuse"]


def test_a_manifest_that_could_not_be_put_leaves_no_signature_either() -> None:
    services = services_with()
    machine = BackupMachine(services)

    def refuse(key: str, body: bytes, **_: str) -> None:
        raise PermanentError("storage_access_denied", key)

    services.bucket.put_if_absent = refuse  # type: ignore[method-assign]
    assert machine.execute(CLUSTER, START).status == "failed"
    assert not [key for key in services.bucket.objects if key.endswith((SIGNATURE, MANIFEST))]


def test_a_doctored_manifest_is_refused_whatever_else_fits() -> None:
    services = one_backup()
    doctor_manifest(services, only_backup(services), warnings=["all is well"])
    assert "that of another manifest" in refusal(services)


def test_so_is_one_whose_signature_file_was_made_to_name_it() -> None:
    services = one_backup()
    body = doctor_manifest(services, only_backup(services), warnings=["all is well"])
    stored = json.loads(services.bucket.read(signature_at(services)))
    stored["manifest_sha256"] = hashlib.sha256(body).hexdigest()
    services.bucket.put(signature_at(services), json.dumps(stored).encode())
    assert "no key that is trusted here made it" in refusal(services)


def test_a_signature_by_a_key_that_the_attacker_owns_is_refused_whatever_it_names() -> None:
    services = one_backup()
    attacker, ours = MemorySigningKey(), services.signing
    attacker.name = key_of(services).name
    services.signing = Signing(attacker)
    rewrite_manifest(services, only_backup(services), warnings=["all is well"])
    assert state_of(services) == "valid"
    services.signing = ours
    assert "no key that is trusted here made it" in refusal(services)


def test_the_signature_of_another_backup_is_refused() -> None:
    services = one_backup()
    other = one_backup()
    services.signing = other.signing
    services.bucket.put(signature_at(services), other.bucket.read(signature_at(other)))
    doctor_manifest(services, only_backup(services), run_id="another")
    refusal(services)


HOSTILE = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "cut": b'{"schema_version": 1, "algorithm": "ECDSA_SHA_256", "key": "k", "manifest_sha2',
    "a list": b"[]",
    "deep": b"[" * 4000,
    "another algorithm": json.dumps(
        {"algorithm": "none", "key": "k", "manifest_sha256": "0" * 64, "signature": "AAAA"}
    ).encode(),
    "no base64": json.dumps({"key": "k", "manifest_sha256": "0" * 64, "signature": "-"}).encode(),
    "a number": json.dumps({"key": "k", "manifest_sha256": 1, "signature": "AAAA"}).encode(),
    "a newer form": json.dumps(
        {"schema_version": 2, "key": "k", "manifest_sha256": "0" * 64, "signature": "AAAA"}
    ).encode(),
    "huge": b" " * (LARGEST + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_signature_is_refused(name: str) -> None:
    services = one_backup()
    services.bucket.put(signature_at(services), HOSTILE[name])
    refusal(services)


@pytest.mark.parametrize("signature", ["AAAA", "MAYCAQECAQE=", "A", "MEU=" * 40])
def test_a_well_formed_file_with_another_signature_is_refused(signature: str) -> None:
    services = one_backup()
    stored = json.loads(services.bucket.read(signature_at(services)))
    services.bucket.put(signature_at(services), json.dumps(stored | {"signature": signature}).encode())
    refusal(services)


def test_a_missing_signature_is_told_from_a_wrong_one() -> None:
    services = one_backup()
    services.bucket.remove([signature_at(services)])
    assert state_of(services) == "missing"


def test_a_former_key_is_believed_when_it_is_trusted_and_not_else() -> None:
    services = one_backup()
    former = key_of(services).public_key()
    services.signing = Signing(MemorySigningKey())
    refusal(services)
    services.signing = Signing(MemorySigningKey(), trusted=(former,))
    assert state_of(services) == "valid"
    services.signing = Signing(None, trusted=(former,))
    assert state_of(services) == "valid"


def test_an_own_key_that_is_disabled_is_no_wrong_signature() -> None:
    services = one_backup()
    public_key = key_of(services).public_key()
    key_of(services).state = "Disabled"
    with pytest.raises(PermanentError) as caught:
        state_of(services)
    assert caught.value.code == "signing_key_unusable"
    services.signing = Signing(services.signing.key, trusted=(public_key,))
    assert state_of(services) == "valid"


def test_a_verification_refuses_a_wrong_signature_and_records_no_damage(tmp_path: Path) -> None:
    """What retention would remove one day must not hang on a list of keys."""
    services = one_backup()
    backup = only_backup(services)
    services.signing = Signing(MemorySigningKey())
    with pytest.raises(RefusedError):
        verify_and_record(services, CLUSTER, backup, work_dir=tmp_path)
    assert backup_key(CLUSTER, backup, DAMAGED) not in services.bucket.objects


def test_a_check_tells_why_a_key_cannot_be_looked_at_and_refuses_nothing_for_that() -> None:
    key = MemorySigningKey()
    assert signing_findings(Signing(key)) == ()
    key.fail(
        "refuse_unusable", PermanentError("signing_access_denied", "no"), TransientError("signing_unavailable", "")
    )
    for code in ("signing_access_denied", "signing_unavailable"):
        (finding,) = signing_findings(Signing(key))
        assert (finding.level, finding.code) == ("warn", code)


def test_the_public_half_is_what_openssl_reads() -> None:
    half = public_half(Signing(MemorySigningKey("arn:k")))
    assert half.key == "arn:k"
    assert half.public_key.startswith("-----BEGIN PUBLIC KEY-----\n")
    with pytest.raises(PermanentError) as caught:
        public_half(Signing())
    assert caught.value.code == "signing_key_missing"
