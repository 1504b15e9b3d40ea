"""The suite of Object Lock, asked of a Ceph RADOS Gateway under a private CA, and of LocalStack."""

from typing import Any

import pytest

from builders.s3_server import new_bucket
from builders.sites import Site
from contract.test_locks_contract import *  # noqa: F403 - the tests
from contract.test_locks_contract import KEY, Place, in_days, seconds
from holdfast.errors import PermanentError, RefusedError
from holdfast.storage.base import LockState
from holdfast.storage.s3 import S3Bucket
from holdfast.storage.s3_locks import S3Locks


def made(site: Site, *, locks: bool) -> tuple[Place, Any, str]:
    client = site.client()
    name = new_bucket(client, locks=locks)
    return Place(S3Bucket(client, name, checksums=site.checksums), S3Locks(client, name)), client, name


@pytest.fixture  # type: ignore[no-redef] # instead of the suite's
def place(site: Site) -> Place:
    return made(site, locks=True)[0]


@pytest.fixture  # type: ignore[no-redef] # instead of the suite's
def plain(site: Site) -> Place:
    return made(site, locks=False)[0]


def test_a_lock_becomes_stricter_where_the_store_allows_it(site: Site) -> None:
    place, _, _ = made(site, locks=True)
    until = in_days(1)
    place.put().locks.lock(KEY, "governance", until)
    if site.name == "ceph":
        with pytest.raises(PermanentError) as refused:
            place.locks.lock(KEY, "compliance", until)
        assert refused.value.code == "storage_access_denied"
        assert "governance bypass" in refused.value.message
        return
    place.locks.lock(KEY, "compliance", until)
    assert place.locks.lock_state(KEY) == LockState("compliance", seconds(until))


def test_a_lock_that_somebody_shortened_is_seen_as_it_is(site: Site) -> None:
    place, client, name = made(site, locks=True)
    place.put().locks.lock(KEY, "governance", in_days(9))
    sooner = seconds(in_days(1))
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": sooner}
    client.put_object_retention(Bucket=name, Key=KEY, Retention=retention, BypassGovernanceRetention=True)
    assert place.locks.lock_state(KEY) == LockState("governance", sooner)


def test_a_compliance_lock_is_shortened_by_nobody(site: Site) -> None:
    place, client, name = made(site, locks=True)
    until = in_days(9)
    place.put().locks.lock(KEY, "compliance", until)
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": seconds(in_days(1))}
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.put_object_retention(Bucket=name, Key=KEY, Retention=retention, BypassGovernanceRetention=True)
    assert place.locks.lock_state(KEY) == LockState("compliance", seconds(until))


def test_an_older_version_that_is_locked_is_refused_by_name(site: Site) -> None:
    place, _, _ = made(site, locks=True)
    place.put().locks.lock(KEY, "compliance", in_days(1))
    place.put()
    with pytest.raises(RefusedError) as refused:
        place.store.remove([KEY])
    assert refused.value.code == "object_locked"
