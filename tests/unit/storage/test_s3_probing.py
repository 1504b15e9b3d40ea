"""What a look at a store sees over real HTTP, and that nothing of it stays, whatever goes wrong."""

from pathlib import Path
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.s3_server import SESSION, new_bucket
from builders.stores import server_tls, storage, stores
from holdfast.errors import PermanentError
from holdfast.local.pki import issue_ca
from holdfast.models.storage import StoreKeys
from holdfast.models.store import StoreFacts
from holdfast.planning.store_findings import store_findings
from holdfast.storage.s3_probing import S3Probe
from holdfast.storage.s3_stores import S3Stores


def look(url: str, bucket: str, **changes: Any) -> StoreFacts:
    made = stores()
    probe = S3Probe(made, {"snapshots": "unused", "secrets": "unused"}, made.kms_client)
    return probe.look("lab", storage(endpoint=url, bucket=bucket, **changes), "snapshots", "check-1")


def codes(facts: StoreFacts, **changes: Any) -> list[str]:
    return [each.code for each in store_findings(storage(**changes), facts)]


def everything(client: Any, bucket: str) -> list[Any]:
    """Objects, versions, markers and unfinished uploads."""
    there = client.list_object_versions(Bucket=bucket)
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [*there.get("Versions", []), *there.get("DeleteMarkers", []), *uploads]


def answer(method: str, target: str, status: int, code: str = "") -> HttpFault:
    return HttpFault(method, target, "answer", times=99, status=status, code=code or "SlowDown")


def denied(method: str, target: str) -> HttpFault:
    return answer(method, target, 403, "AccessDenied")


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("folder", [None, "team/etcd"])
def test_a_store_that_can_everything_is_seen_so_and_left_as_it_was(
    s3_url: str, direct: Any, versioned: bool, folder: str | None
) -> None:
    bucket = new_bucket(direct, versioned=versioned)
    direct.put_object(Bucket=bucket, Key="lab/check/check-1-of-somebody-else", Body=b"x")
    before = everything(direct, bucket)
    with fault_proxy(s3_url) as proxy:
        facts = look(proxy.url, bucket, folder=folder)
    assert (facts.error, facts.listing, facts.writing, facts.uploading, facts.reading) == (None,) * 5
    assert (facts.checksums, facts.conditions, facts.same_bytes, facts.left) == ("on", "honoured", True, ())
    assert facts.versioning == ("on" if versioned else "off")
    assert facts.clock_off_s is not None
    assert abs(facts.clock_off_s) < 5
    assert everything(direct, bucket) == before
    puts = [each.split(" ")[1].split("?")[0] for each in proxy.requests if each.startswith("PUT")]
    assert set(puts) == {f"/{bucket}/{'team/etcd/' if folder else ''}lab/check/check-1"}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (denied("GET", "list-type=2"), "storage_access_denied"),
        (denied("PUT", "check-1"), "storage_access_denied"),
        (denied("POST", "uploads"), "storage_access_denied"),
        (denied("GET", "/lab/check/check-1"), "storage_access_denied"),
        (denied("HEAD", ""), "store_not_tried"),
        (denied("GET", "versioning"), "store_not_tried"),
        (answer("HEAD", "", 404), "bucket_not_found"),
        (answer("PUT", "check-1", 400, "KMS.DisabledException"), "storage_key_unusable"),
        (answer("PUT", "check-1", 400, "ExpiredToken"), "storage_credentials"),
        (answer("PUT", "check-1", 403, "RequestTimeTooSkewed"), "storage_clock_skew"),
        (answer("GET", "/lab/check/check-1", 503), "storage_unavailable"),
        (denied("DELETE", "check-1"), "store_probe_left"),
    ],
)
def test_what_fails_is_said_and_nothing_is_left_that_could_be_removed(
    s3_url: str, direct: Any, bucket: str, fault: HttpFault, expected: str
) -> None:
    with fault_proxy(s3_url, [fault]) as proxy:
        facts = look(proxy.url, bucket, attempts=1)
    assert fault.met
    assert expected in codes(facts)
    left = everything(direct, bucket)
    assert sorted(each["Key"] for each in left) == sorted(facts.left)
    assert bool(left) == (fault.method == "DELETE")


@pytest.mark.parametrize("status", [301, 307, 400])
def test_the_region_of_a_bucket_is_named_when_it_is_another_one(s3_url: str, bucket: str, status: int) -> None:
    region = (("x-amz-bucket-region", "eu-west-3"),)
    with fault_proxy(s3_url, [HttpFault("HEAD", "", "answer", times=9, status=status, headers=region)]) as proxy:
        facts = look(proxy.url, bucket)
    assert codes(facts) == ["storage_wrong_region"]
    assert facts.error is not None
    assert "eu-west-3" in facts.error.message


def test_a_redirect_without_a_region_is_told_and_followed_by_nobody(s3_url: str, bucket: str) -> None:
    away = [
        HttpFault(m, "", "answer", times=99, status=301, code="PermanentRedirect")
        for m in ("HEAD", "GET", "PUT", "POST")
    ]
    with fault_proxy(s3_url, away) as proxy:
        assert codes(look(proxy.url, bucket)) == ["storage_wrong_region"]


def test_a_store_that_ignores_conditions_is_found_out(s3_url: str, bucket: str, direct: Any) -> None:
    with fault_proxy(s3_url, drop=("if-none-match",)) as proxy:
        facts = look(proxy.url, bucket)
    assert facts.conditions == "ignored"
    assert everything(direct, bucket) == []


def test_a_store_that_refuses_conditions_is_found_out(s3_url: str, bucket: str, direct: Any) -> None:
    refused = HttpFault("PUT", "check-1", "answer", times=9, status=501, code="NotImplemented", having="if-none-match")
    with fault_proxy(s3_url, [refused]) as proxy:
        facts = look(proxy.url, bucket)
    assert facts.conditions == "refused"
    assert everything(direct, bucket) == []


def test_a_store_without_checksums_is_found_out(s3_url: str, bucket: str) -> None:
    with fault_proxy(s3_url, drop=("x-amz-checksum-algorithm",)) as proxy:
        assert look(proxy.url, bucket).checksums == "off"


def test_bytes_that_change_on_the_way_are_found_out(s3_url: str, bucket: str, direct: Any) -> None:
    flip = HttpFault("PUT", "check-1", "flip")
    with fault_proxy(s3_url, [flip]) as proxy:
        facts = look(proxy.url, bucket, checksums="none")
    assert not facts.same_bytes
    assert everything(direct, bucket) == []


def test_a_bucket_that_locks_by_itself_gets_no_probe(s3_url: str, direct: Any) -> None:
    bucket = new_bucket(direct, locks=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 7}}
    direct.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    facts = look(s3_url, bucket)
    assert (facts.object_lock, facts.default_lock, facts.tried) == ("on", "governance for 7 days", False)
    assert everything(direct, bucket) == []
    assert {"store_lock_default", "store_not_tried"} <= set(codes(facts))


def test_what_the_bucket_says_of_itself_is_read(s3_url: str, direct: Any) -> None:
    bucket = new_bucket(direct, locks=True)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "a-key"}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    direct.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    direct.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(names, True))
    facts = look(s3_url, bucket)
    assert (facts.object_lock, facts.default_lock, facts.versioning) == ("on", "", "on")
    assert (facts.encryption, facts.key, facts.public_blocked) == ("aws:kms", "a-key", "on")


def test_a_bucket_without_any_configuration_is_seen_as_such(s3_url: str, bucket: str) -> None:
    facts = look(s3_url, bucket)
    assert (facts.object_lock, facts.encryption, facts.public_blocked) in (("off", "", "off"), ("off", "AES256", "off"))


@pytest.mark.parametrize("wrong", ["another authority", "none"])
def test_a_store_of_a_stranger_is_a_finding_and_not_a_crash(
    s3_url: str, bucket: str, tmp_path: Path, wrong: str
) -> None:
    ca = issue_ca().certificate if wrong == "another authority" else None
    with fault_proxy(s3_url, tls=server_tls(issue_ca(), tmp_path)) as proxy:
        assert codes(look(proxy.url, bucket, ca=ca)) == ["storage_tls"]


def test_a_secret_that_cannot_be_read_is_a_finding_too() -> None:
    def keys(name: str) -> StoreKeys:
        raise PermanentError("secret_access_denied", name)

    made = stores(keys)
    facts = S3Probe(made, {}, made.kms_client).look("lab", storage(), "secrets", "check-1")
    assert facts.error is not None
    assert (facts.error.code, facts.error.message) == ("secret_access_denied", "holdfast-store-secrets/lab")


@pytest.mark.parametrize(
    ("change", "state"),
    [("disable_key", "Disabled"), ("schedule_key_deletion", "PendingDeletion"), (None, "Enabled"), ("none", "missing")],
)
def test_the_key_of_the_bucket_is_looked_at(s3_url: str, bucket: str, change: str | None, state: str) -> None:
    kms = SESSION.client("kms", endpoint_url=s3_url)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    if change == "none":
        key = "0" * 8 + key[8:]
    elif change is not None:
        getattr(kms, change)(KeyId=key)
    keys = {"kind": "kms", "key": key, "secrets_key": "other"}
    spec = storage(endpoint=None, region="us-east-1", bucket=bucket, encryption=keys)
    made = S3Stores(
        SESSION, lambda _: StoreKeys.model_validate({"access_key": "a", "secret_key": "b"}), endpoint_url=s3_url
    )
    facts = S3Probe(made, {}, made.kms_client).look("lab", spec, "snapshots", "check-1")
    assert (facts.key, facts.key_state) == (key, state)
    assert ("store_key_unusable" in [each.code for each in store_findings(spec, facts)]) == (state != "Enabled")
