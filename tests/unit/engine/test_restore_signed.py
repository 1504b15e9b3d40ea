"""What a restore believes: nothing that somebody wrote into the bucket who has no key."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from builders.doubled_restores import NAME, restorable, started
from builders.doubled_runs import CLUSTER
from builders.services import MemoryServices, small_snapshot
from holdfast.engine.catalog import load_manifest
from holdfast.engine.restore.looking import chosen_backup
from holdfast.engine.restore.steps import StepWork
from holdfast.errors import RefusedError
from holdfast.models.restore import RestorePlan
from holdfast.planning.naming import MANIFEST, SIGNATURE, backup_key, run_key
from holdfast.signing.base import Signing

HEALTHY = ("cluster_healthy",)


def doctored_snapshot(services: MemoryServices, backup: str) -> str:
    """Another database with a manifest that fits it, as somebody would write both; the new hash."""
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    body = b"another database of somebody else" * 100
    sha256 = hashlib.sha256(small_snapshot() + b"doctored").hexdigest()
    services.bucket.put(manifest.snapshot.key, body)
    snapshot = manifest.snapshot.model_copy(
        update={
            "size": len(body),
            "object_sha256": hashlib.sha256(body).hexdigest(),
            "sha256": sha256,
            "checksum": services.bucket.head(manifest.snapshot.key).checksum,
        }
    )
    text = manifest.model_copy(update={"snapshot": snapshot}).model_dump_json(indent=2)
    services.bucket.put(backup_key(CLUSTER, backup, MANIFEST), text.encode())
    return sha256


def unsign(services: MemoryServices, backup: str) -> None:
    services.bucket.remove([backup_key(CLUSTER, backup, SIGNATURE)])


def refused(services: MemoryServices, **request: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        started(services, **request)
    return caught.value.code


def test_a_plan_names_the_manifest_whose_signature_was_good() -> None:
    services, _, backup = restorable()
    plan = started(services, backup=backup, allow=HEALTHY)
    body = services.bucket.read(backup_key(CLUSTER, backup, MANIFEST))
    assert (plan.signature, plan.manifest_sha256) == ("valid", hashlib.sha256(body).hexdigest())


def test_an_emergency_backup_is_signed_too() -> None:
    services, _, backup = restorable()
    plan = started(services, backup=backup, allow=HEALTHY)
    assert plan.emergency
    assert chosen_backup(services, CLUSTER, plan.emergency).signature == "valid"


def test_a_mistaken_restore_is_restored_from_its_own_emergency_backup() -> None:
    """Its plan lies in the run of that restore, beside the plan of the restore itself."""
    services, _, backup = restorable()
    made = started(services, backup=backup, allow=HEALTHY).emergency
    assert made
    found = chosen_backup(services, CLUSTER, made)
    assert found.plan
    assert found.plan.backup_id == made
    assert {survey.node for survey in found.plan.surveys} == {"n1", "n2", "n3"}


def test_a_doctored_snapshot_with_a_manifest_that_fits_it_is_refused_before_anything_is_touched() -> None:
    services, _, backup = restorable()
    doctored_snapshot(services, backup)
    everything = ("cluster_healthy", "backup_not_verified", "manifest_unsigned", "no_emergency_snapshot")
    assert refused(services, backup=backup, allow=everything) == "manifest_signature_invalid"


def test_without_its_signature_it_is_refused_too_unless_a_person_names_that() -> None:
    services, _, backup = restorable()
    doctored_snapshot(services, backup)
    unsign(services, backup)
    assert refused(services, backup=backup, allow=(*HEALTHY, "backup_not_verified")) == "manifest_unsigned"


def test_a_backup_from_before_the_key_can_be_restored_by_name() -> None:
    services, _, backup = restorable()
    unsign(services, backup)
    assert refused(services, backup=backup, allow=HEALTHY) == "manifest_unsigned"
    plan = started(services, backup=backup, allow=(*HEALTHY, "manifest_unsigned"))
    (finding,) = (each for each in plan.findings if each.code == "manifest_unsigned")
    assert finding.level == "warn"
    assert plan.signature == "missing"


def test_an_installation_without_keys_restores_as_it_always_did() -> None:
    services, _, backup = restorable()
    unsign(services, backup)
    services.signing = Signing()
    assert started(services, backup=backup, allow=HEALTHY).signature == "unchecked"


def fetch_of(services: MemoryServices, plan: RestorePlan) -> list[Mapping[str, str]]:
    """What each node is told to fetch, and to hold it against."""
    work = StepWork(services, None, None, plan, None, plan.step("fetch"))  # type: ignore[arg-type]
    return [work._command(each.node).values for each in plan.step("fetch").commands]


def test_a_manifest_that_is_doctored_after_the_plan_changes_nothing() -> None:
    """The nodes compare what they fetch with the hash of the plan, which an approval is for
    (tests/unit/node/test_restore_fetch.py: they refuse what differs)."""
    services, _, backup = restorable()
    genuine = load_manifest(services.bucket, CLUSTER, backup)[0].snapshot.sha256
    plan = started(services, backup=backup, allow=HEALTHY)
    digest = plan.digest
    other = doctored_snapshot(services, backup)
    stored = RestorePlan.model_validate_json(services.bucket.read(run_key(CLUSTER, NAME, "plan.json")))
    assert stored.digest == digest
    told = {values["sha256"] for values in fetch_of(services, stored)}
    assert told == {genuine}
    assert other not in told


def test_the_plan_that_says_where_a_lost_nodes_files_go_is_the_one_that_the_backup_was_made_by() -> None:
    services, _, backup = restorable()
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    key = run_key(CLUSTER, manifest.run_id, "plan.json")
    plan = json.loads(services.bucket.read(key))
    plan["surveys"][0]["etcd"]["host_data_dir"] = "/root/.ssh"
    services.bucket.put(key, json.dumps(plan).encode())
    assert refused(services, backup=backup, allow=HEALTHY) == "backup_plan_changed"


def test_a_report_of_another_manifest_verifies_nothing() -> None:
    services, _, backup = restorable()
    key = backup_key(CLUSTER, backup, "verified.json")
    report = json.loads(services.bucket.read(key))
    services.bucket.put(key, json.dumps(report | {"manifest_sha256": "0" * 64}).encode())
    assert refused(services, backup=backup, allow=HEALTHY) == "backup_not_verified"


def test_what_was_checked_is_what_is_used() -> None:
    """A second look at the same object may find another one: the manifest is read once."""
    services, _, backup = restorable()
    key = backup_key(CLUSTER, backup, MANIFEST)
    reads = []
    read = services.bucket.read

    def counted(each: str, **rest: Any) -> bytes:
        if each == key:
            reads.append(each)
        return read(each, **rest)

    services.bucket.read = counted  # type: ignore[method-assign,assignment]
    found = chosen_backup(services, CLUSTER, backup)
    assert len(reads) == 1
    assert found.signature == "valid"
