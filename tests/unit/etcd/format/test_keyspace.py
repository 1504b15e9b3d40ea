"""Counting the keys that live: by resource, under every prefix, with bounded memory."""

import pytest

from builders.bolt_writer import Items, delete, etcd_database, put, revision
from holdfast.errors import DamagedError
from holdfast.etcd.format import keyspace
from holdfast.etcd.format.inventory import read_summary
from holdfast.etcd.format.source import BytesSource
from holdfast.models.database import DatabaseSummary


def summary(*records: tuple[bytes, bytes], finished: int | None = None) -> DatabaseSummary:
    database = etcd_database(list(records), finished=finished)
    return read_summary(BytesSource(database), "0" * 64, len(database) + 32)


def resources(*keys: bytes) -> dict[str, int]:
    found = summary(*(put(number, key) for number, key in enumerate(keys, start=2)))
    return {name: counted.count for name, counted in found.resources.items()}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (b"/registry/pods/default/web", "pods"),
        (b"/registry/minions/node-1", "minions"),
        (b"/registry/services/specs/default/web", "services/specs"),
        (b"/registry/services/endpoints/default/web", "services/endpoints"),
        (b"/registry/ranges/serviceips", "ranges/serviceips"),
        (b"/registry/apiregistration.k8s.io/apiservices/v1.apps", "apiregistration.k8s.io/apiservices"),
        (b"/registry/monitoring.coreos.com/rules/a/b", "monitoring.coreos.com/rules"),
        (b"/kubernetes.io/operator.openshift.io/etcds/cluster", "operator.openshift.io/etcds"),
        (b"/kubernetes.io/secrets/a/b.c", "secrets"),
        (b"/openshift.io/oauth/clients/console", "oauth/clients"),
        (b"/openshift.io/routes/a/b", "routes"),
        (b"/registry/health", "health"),
        (b"/registry/services", "services"),
        (b"/registry/a.b", "a.b"),
        (b"/registry/\xff\xfe/a", "\\xff\\xfe"),
    ],
)
def test_a_key_is_counted_under_its_resource(key: bytes, name: str) -> None:
    assert resources(key) == {name: 1}


@pytest.mark.parametrize("key", [b"compact_rev_key", b"/registryx/pods/a", b"/registry", b"/registry/", b"/", b"\0"])
def test_a_key_below_no_known_prefix_is_other(key: bytes) -> None:
    found = summary(put(2, key))
    assert (found.other_keys, found.resources, found.prefixes) == (1, {}, ())


def test_prefixes_are_those_that_are_there() -> None:
    found = summary(put(2, b"/openshift.io/routes/a/b"), put(3, b"/kubernetes.io/pods/a/b"), put(4, b"x"))
    assert found.prefixes == ("/kubernetes.io", "/openshift.io")


def test_one_resource_below_two_prefixes_is_one_sum() -> None:
    found = summary(put(2, b"/kubernetes.io/users/a", b"123"), put(3, b"/openshift.io/users/a", b"4567"))
    assert found.resources["users"].model_dump() == {"count": 2, "bytes": 7}


def test_only_the_newest_value_of_a_living_key_counts() -> None:
    found = summary(
        put(2, b"/registry/pods/a/changed", b"old value"),
        put(3, b"/registry/pods/a/deleted", b"gone"),
        put(4, b"/registry/pods/a/changed", b"new"),
        delete(5, b"/registry/pods/a/deleted"),
        put(6, b"/registry/pods/a/back", b"1"),
        delete(7, b"/registry/pods/a/back"),
        put(8, b"/registry/pods/a/back", b"12"),
        put(8, b"/registry/pods/a/empty", b"", sub=1),
    )
    assert (found.records, found.live_keys, found.head.revision) == (8, 3, 8)
    assert found.resources["pods"].model_dump() == {"count": 3, "bytes": 5}


def test_within_one_transaction_the_last_operation_on_a_key_wins() -> None:
    found = summary(put(2, b"/registry/pods/a/b", b"1"), put(2, b"/registry/pods/a/b", b"22", sub=1))
    assert found.resources["pods"].model_dump() == {"count": 1, "bytes": 2}
    assert summary(put(2, b"k"), delete(2, b"k", sub=1)).live_keys == 0


def test_labels_of_encryption_keys_are_listed_and_nothing_behind_them() -> None:
    values = [
        b"k8s:enc:aescbc:v1:key1:\x01\x02secret",
        b"k8s:enc:aescbc:v1:key1:\x03",
        b"k8s:enc:kms:v2:vault:\x00",
        b"k8s:enc:kms:v1:plug in:\x00",
        b"k8s:enc:secretbox:v1:" + b"x" * 300,
        b"k8s:enc:",
        b"k8s\0plain",
    ]
    records = [put(number, b"/registry/secrets/a/%d" % number, value) for number, value in enumerate(values, start=2)]
    old = put(20, b"/registry/secrets/a/2", b"k8s:enc:identity-was:v9:old:\x00")
    assert summary(*records).encryption_keys == ("aescbc:v1:key1", "kms:v2:vault")
    assert summary(*records, old, put(21, b"/registry/secrets/a/2")).encryption_keys == (
        "aescbc:v1:key1",
        "kms:v2:vault",
    )


def test_memory_for_names_is_bounded_and_no_key_is_lost() -> None:
    count = keyspace.MAX_NAMES + 500
    found = summary(*(put(number, b"/registry/resource-%d/a" % number) for number in range(2, count + 2)))
    assert (len(found.resources), found.other_keys, found.live_keys) == (keyspace.MAX_NAMES, 500, count)


@pytest.mark.parametrize(
    "records",
    [
        [(revision(2), put(3, b"key")[1])],
        [(revision(2), b"\x0a\x03key")],
        [(revision(2), b"")],
        [(revision(2), b"\x0a\x00\x18\x02")],
        [(revision(2) + b"x", put(2, b"key")[1])],
        [(revision(2**63), put(2**63, b"key")[1])],
        [(b"name", put(2, b"key")[1])],
        [(revision(2), put(2, b"key", b"value")[1][:-1])],
    ],
)
def test_a_record_that_etcd_could_not_have_written_is_refused(records: Items) -> None:
    with pytest.raises(DamagedError, match="snapshot_record_invalid"):
        summary(*records)
