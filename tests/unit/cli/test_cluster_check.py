"""`holdfast cluster check` says what a backup would meet."""

from builders.command_line import holdfast
from builders.etcd_facts import etcd_facts, status
from builders.services import services_with
from builders.specs import cluster_spec
from builders.stores import storage
from holdfast.errors import PermanentError
from holdfast.signing.base import Signing
from holdfast.signing.memory import MemorySigningKey
from holdfast.storage.probing import faultless


def test_a_healthy_cluster_is_shown_with_the_member_that_would_be_taken() -> None:
    ended = holdfast("cluster", "check", "prod-1", services=services_with())
    assert ended.code == 0
    assert "a backup would be taken from https://" in ended.stdout.splitlines()[-1]
    assert "MEMBER" in ended.stdout


def test_nothing_is_done_by_a_check() -> None:
    services = services_with()
    holdfast("cluster", "check", "prod-1", services=services)
    assert services.bucket.objects == {}
    assert services.leases.holder("prod-1") is None
    assert services.runs.list("prod-1", 10) == []


def test_a_finding_has_its_code_and_its_hint() -> None:
    ended = holdfast("cluster", "check", "prod-1", services=services_with())
    assert "no_secrets_bundle" in ended.stdout
    assert "Keep them elsewhere" in ended.stdout


def test_a_cluster_that_would_be_refused_ends_with_3_and_the_reason() -> None:
    services = services_with()
    services.member.known = etcd_facts(status(1, is_learner=True))
    ended = holdfast("cluster", "check", "prod-1", "-o", "json", services=services)
    assert ended.code == 3
    assert ended.value["check"]["choice"] is None
    assert "only_learners_answer" in [finding["code"] for finding in ended.value["check"]["findings"]]


def test_a_cluster_that_does_not_answer_is_an_error_with_the_reason() -> None:
    services = services_with()
    services.member.known = PermanentError("etcd_untrusted", "foreign certificate")
    ended = holdfast("cluster", "check", "prod-1", services=services)
    assert ended.code == 1
    assert "error[etcd_untrusted]" in ended.stderr


def test_a_signing_key_that_cannot_sign_is_said_here_and_not_at_the_restore() -> None:
    for state in ("Disabled", "PendingDeletion"):
        services = services_with()
        key = MemorySigningKey()
        services.signing = Signing(key)
        key.state = state
        ended = holdfast("cluster", "check", "prod-1", services=services)
        assert ended.code == 3
        assert "signing_key_unusable" in ended.stdout
        assert state in ended.stdout


def test_an_installation_without_a_signing_key_is_told_so_and_backs_up() -> None:
    services = services_with()
    services.signing = Signing()
    ended = holdfast("cluster", "check", "prod-1", services=services)
    assert ended.code == 0
    assert "signing_key_missing" in ended.stdout


def test_a_store_that_would_fail_a_backup_is_said_here_with_the_line_to_set() -> None:
    services = services_with()
    services.store_probe.facts["snapshots"] = faultless("snapshots").model_copy(update={"checksums": "off"})
    ended = holdfast("cluster", "check", "prod-1", services=services)
    assert ended.code == 3
    assert "store_checksums_missing" in ended.stdout
    assert "checksums: none" in ended.stdout


def test_the_store_that_is_looked_at_is_the_clusters_own_and_that_for_secrets_only_where_there_are_some() -> None:
    own = storage(bucket="away", secrets_bucket="away-2")
    through_nodes = {"kind": "ssm", "nodes": [{"name": "a", "instance": "i-0123456789abcdef0"}]}
    looked = []
    for changes in ({}, {"storage": own.model_dump()}, {"transport": through_nodes}):
        services = services_with(cluster_spec(**changes))
        holdfast("cluster", "check", "prod-1", services=services)
        looked.append([(spec.bucket, side) for _, spec, side in services.store_probe.asked])
    assert looked == [[(None, "snapshots")], [("away", "snapshots")], [(None, "snapshots"), (None, "secrets")]]


def test_locks_that_the_file_asks_for_and_the_bucket_cannot_have_are_refused() -> None:
    for lock, code in (({"mode": "governance", "days": 7}, 3), (None, 0)):
        services = services_with(cluster_spec(lock=lock))
        services.store_probe.facts["snapshots"] = faultless("snapshots").model_copy(update={"object_lock": "off"})
        ended = holdfast("cluster", "check", "prod-1", services=services)
        assert ended.code == code
        assert ("store_lock_missing" in ended.stdout) == (lock is not None)
