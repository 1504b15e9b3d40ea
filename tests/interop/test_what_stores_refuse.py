"""What a store refuses, and how it is told: rights, keys, names, room. Ceph enforces what LocalStack lets pass."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from builders.ceph import CephGateway, CephUser
from builders.kept import Control, kept
from builders.s3_server import new_bucket, unfinished_uploads
from builders.sites import Site
from builders.transfers import transfer, when_part
from holdfast.errors import HoldfastError
from holdfast.models.run import Outcome
from holdfast.storage.s3 import S3Bucket

KEY = "c-1/20261120T154300Z-r-1a2b3c/manifest.json"


@pytest.fixture
def user(gateway: CephGateway, request: pytest.FixtureRequest) -> CephUser:
    """One for this test alone: what is done to it concerns nobody else."""
    return gateway.new_user(f"u-{abs(hash(request.node.nodeid))}")


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(HoldfastError) as error:
        call()
    return error.value.code


def every_verb(bucket: S3Bucket) -> Iterator[Callable[[], object]]:
    yield lambda: bucket.put(KEY, b"{}")
    yield lambda: bucket.put_if_absent(KEY, b"{}")
    yield lambda: bucket.read(KEY)
    yield lambda: bucket.head(KEY)
    yield lambda: list(bucket.list("c-1/"))
    yield lambda: list(bucket.folders("c-1/"))
    yield lambda: bucket.start_upload(KEY)
    yield lambda: bucket.abort_uploads("c-1/")
    yield lambda: bucket.remove([KEY])


def codes_of(site: Site, bucket: str) -> set[str]:
    """What every verb of an adapter says of this bucket."""
    store = S3Bucket(site.client(attempts=1), bucket, checksums=site.checksums)
    return {code_of(call) for call in every_verb(store)}


def allow(client: Any, bucket: str, user: str, *actions: str) -> None:
    """A bucket policy that lets another user do these and nothing else."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]}, "Action": list(actions)}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": resources}]}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def test_a_certificate_of_an_unknown_authority_is_accepted_by_no_verb(ceph: Site) -> None:
    assert codes_of(replace(ceph, ca_file=None), "test-any") == {"storage_tls"}


def test_keys_that_are_wrong_or_unknown_are_told_by_every_verb_but_a_head(ceph: Site, user: CephUser) -> None:
    """A HEAD's answer has no body, so it cannot say why."""
    bucket = new_bucket(ceph.as_user(user).client())
    for wrong in (replace(user, secret_key="wrong"), replace(user, access_key="unknown")):
        assert codes_of(ceph.as_user(wrong), bucket) == {"storage_credentials", "storage_access_denied"}
        store = S3Bucket(ceph.as_user(wrong).client(attempts=1), bucket, checksums="none")
        assert code_of(lambda store=store: store.head(KEY)) == "storage_access_denied"  # type: ignore[misc]
        assert code_of(lambda store=store: list(store.list("c-1/"))) == "storage_credentials"  # type: ignore[misc]


def test_a_bucket_that_is_missing_is_told_by_every_verb(site: Site) -> None:
    assert codes_of(site, "test-never-made") == {"bucket_not_found"}


def test_a_list_that_is_denied_is_not_taken_for_a_cluster_without_backups(
    controlled: Control, ceph: Site, user: CephUser
) -> None:
    owned = kept(controlled, ceph)
    assert owned.backup().status == "succeeded"
    seen = owned.as_seen_by(ceph.as_user(user))
    for denied in ((), ("s3:GetObject", "s3:PutObject")):
        allow(owned.client, owned.snapshots, user.name, "s3:GetBucketLocation", *denied)
        for arguments in (("backup", "list"), ("backup", "verify"), ("backup", "show")):
            backup = () if arguments[1] == "list" else ("latest",)
            ended = seen.holdfast(*arguments, owned.cluster, *backup)
            assert (ended.code, ended.error["code"]) == (1, "storage_access_denied")
    allow(owned.client, owned.snapshots, user.name, "s3:ListBucket")
    assert [entry["state"] for entry in seen.listed()] == ["verified"]


def test_a_key_without_list_is_told_as_denied_and_not_as_missing(ceph: Site, user: CephUser) -> None:
    client = ceph.client()
    bucket = new_bucket(client)
    allow(client, bucket, user.name, "s3:GetObject")
    store = S3Bucket(ceph.as_user(user).client(), bucket, checksums="none")
    assert code_of(lambda: store.read("c-1/none")) == "storage_access_denied"
    allow(client, bucket, user.name, "s3:GetObject", "s3:ListBucket")
    assert code_of(lambda: store.read("c-1/none")) == "object_not_found"


def test_a_writer_that_may_not_delete_cannot(ceph: Site, user: CephUser) -> None:
    client = ceph.client()
    bucket = new_bucket(client, versioned=True)
    may = ("s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions")
    allow(client, bucket, user.name, *may)
    store = S3Bucket(ceph.as_user(user).client(), bucket, checksums="none")
    store.put(KEY, b"{}")
    assert code_of(lambda: store.remove([KEY])) == "storage_access_denied"
    assert store.read(KEY) == b"{}"


def test_a_full_store_fails_the_backup_with_its_reason_and_leaves_nothing(
    controlled: Control, ceph: Site, gateway: CephGateway, user: CephUser
) -> None:
    keep = kept(controlled, ceph.as_user(user))
    quota = ("--quota-scope=user", f"--uid={user.name}")
    gateway.admin("quota", "set", *quota, "--max-size=40960")
    gateway.admin("quota", "enable", *quota)
    outcome = keep.backup()
    assert (outcome.status, code_in(outcome)) == ("failed", "storage_full")
    assert keep.listed() == []
    assert keep.unfinished() == []
    gateway.admin("quota", "disable", *quota)
    assert keep.backup().status == "succeeded"


def test_keys_that_are_withdrawn_in_mid_upload_seal_nothing_and_new_ones_sweep_what_was_left(
    ceph: Site, gateway: CephGateway, user: CephUser
) -> None:
    mine = ceph.as_user(user)
    bucket = new_bucket(mine.client())
    store = S3Bucket(mine.client(attempts=1), bucket, checksums="none")
    withdraw = ("key", "rm", f"--uid={user.name}", "--key-type=s3", f"--access-key={user.access_key}")
    assert code_of(lambda: transfer(when_part(2, store, lambda: gateway.admin(*withdraw)))) == "storage_credentials"
    renewed = CephUser(user.name, "renewed" + user.access_key[:12], user.secret_key)
    keys = (f"--access-key={renewed.access_key}", f"--secret-key={renewed.secret_key}")
    gateway.admin("key", "create", f"--uid={user.name}", "--key-type=s3", *keys)
    client = ceph.as_user(renewed).client()
    after = S3Bucket(client, bucket, checksums="none")
    assert list(after.list("")) == []
    assert len(unfinished_uploads(client, bucket)) == 1
    assert after.abort_uploads("c/") == 1
    transfer(after)
    assert unfinished_uploads(client, bucket) == []


def test_a_suspended_user_is_told_to_look_at_the_credentials(ceph: Site, gateway: CephGateway, user: CephUser) -> None:
    bucket = new_bucket(ceph.as_user(user).client())
    gateway.admin("user", "suspend", f"--uid={user.name}")
    store = S3Bucket(ceph.as_user(user).client(attempts=1), bucket, checksums="none")
    assert code_of(lambda: list(store.list("c-1/"))) == "storage_credentials"


def code_in(outcome: Outcome) -> str:
    assert outcome.error
    return outcome.error.code
