"""What stores answer about locks, each in its own words, and what the adapter makes of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from builders.s3_server import client_of
from holdfast.errors import PermanentError
from holdfast.storage.base import LockState
from holdfast.storage.s3_locks import S3Locks

UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
MISSING = ("NoSuchObjectLockConfiguration", 404)


@pytest.fixture
def client() -> Any:
    return client_of("http://127.0.0.1:9")


def locked(stub: Stubber, mode: str = "GOVERNANCE") -> None:
    stub.add_response("get_object_retention", {"Retention": {"Mode": mode, "RetainUntilDate": UNTIL}})


def refused(stub: Stubber, operation: str, code: str, status: int, text: str = "") -> None:
    stub.add_client_error(operation, code, text, status)


# S3 and LocalStack say the first, Ceph RADOS Gateway 16 the second: each for an object that has none.
@pytest.mark.parametrize("code", ["NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"])
def test_an_object_without_a_lock_is_locked_when_it_is_asked_for(client: Any, code: str) -> None:
    with Stubber(client) as stub:
        refused(stub, "get_object_retention", code, 404)
        wanted = {"Bucket": "b", "Key": "k", "Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL}}
        stub.add_response("put_object_retention", {}, wanted)
        S3Locks(client, "b").lock("k", "compliance", UNTIL.replace(microsecond=900_000))
        stub.assert_no_pending_responses()


def test_what_is_locked_so_already_is_not_locked_again(client: Any) -> None:
    with Stubber(client) as stub:
        locked(stub)
        S3Locks(client, "b").lock("k", "governance", UNTIL)


@pytest.mark.parametrize(("code", "status"), [("InvalidRequest", 400), ("NotImplemented", 501)])
def test_a_store_that_knows_no_locks_is_told_from_an_object_without_one(client: Any, code: str, status: int) -> None:
    for call in ("lock", "hold"):
        operation = "get_object_retention" if call == "lock" else "put_object_legal_hold"
        arguments = ("governance", UNTIL) if call == "lock" else ()
        with Stubber(client) as stub:
            refused(stub, operation, code, status, "Bucket is missing Object Lock Configuration")
            with pytest.raises(PermanentError) as error:
                getattr(S3Locks(client, "b"), call)("k", *arguments)
        assert error.value.code == "object_lock_unsupported"
    with Stubber(client) as stub:
        refused(stub, "get_object_retention", code, status)
        refused(stub, "get_object_legal_hold", code, status)
        assert S3Locks(client, "b").lock_state("k") == LockState()


def test_a_hold_beside_no_lock_and_a_lock_beside_no_hold_are_both_told(client: Any) -> None:
    with Stubber(client) as stub:
        refused(stub, "get_object_retention", *MISSING)
        stub.add_response("get_object_legal_hold", {"LegalHold": {"Status": "ON"}})
        assert S3Locks(client, "b").lock_state("k") == LockState(held=True)
        locked(stub, "COMPLIANCE")
        refused(stub, "get_object_legal_hold", *MISSING)
        assert S3Locks(client, "b").lock_state("k") == LockState("compliance", UNTIL)


@pytest.mark.parametrize("call", ["get_object_retention", "get_object_legal_hold"])
def test_a_right_that_is_missing_is_not_taken_for_a_lock_that_is_missing(client: Any, call: str) -> None:
    with Stubber(client) as stub:
        if call == "get_object_legal_hold":
            locked(stub)
        refused(stub, call, "AccessDenied", 403)
        with pytest.raises(PermanentError) as error:
            S3Locks(client, "b").lock_state("k")
    assert error.value.code == "storage_access_denied"


def test_a_store_that_refuses_a_stricter_mode_is_quoted(client: Any) -> None:
    said = "can't change retention mode from GOVERNANCE without governance bypass"
    with Stubber(client) as stub:
        locked(stub)
        refused(stub, "put_object_retention", "AccessDenied", 403, said)
        with pytest.raises(PermanentError) as error:
            S3Locks(client, "b").lock("k", "compliance", UNTIL)
    assert error.value.code == "storage_access_denied"
    assert said in error.value.message
