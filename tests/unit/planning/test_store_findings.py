"""What a look at a store means: each fact that hurts a backup has its finding, with the line to set."""

import re
from pathlib import Path
from typing import Any

import pytest

from builders.stores import storage
from holdfast.models.run import ErrorInfo
from holdfast.models.storage import StorageSpec
from holdfast.planning.store_findings import store_findings
from holdfast.storage.probing import faultless

AWS = StorageSpec()
DENIED = ErrorInfo(code="storage_access_denied", family="permanent", message="no", hint="grant it")
AWAY = ErrorInfo(code="storage_tls", family="permanent", message="no trust", hint="set ca")


def found(spec: StorageSpec = AWS, *, locks: bool = False, **facts: Any) -> list[tuple[str, str, str]]:
    looked = faultless("snapshots").model_copy(update=facts)
    return [(each.level, each.code, each.hint) for each in store_findings(spec, looked, locks=locks)]


def test_a_store_without_fault_is_said_to_work_and_nothing_else() -> None:
    assert [(level, code) for level, code, _ in found()] == [("info", "store_works")]


def test_what_keeps_everything_else_from_being_asked_is_the_only_finding() -> None:
    assert found(error=AWAY, versioning="off") == [("refuse", "storage_tls", "set ca")]


@pytest.mark.parametrize(
    ("spec", "facts", "level", "code", "hint"),
    [
        (AWS, {"bucket_region": "eu-west-3"}, "refuse", "store_region_differs", "region: eu-west-3"),
        (storage(), {"bucket_region": "eu-west-3"}, "warn", "store_region_differs", "region: eu-west-3"),
        (AWS, {"clock_off_s": -61.0}, "warn", "store_clock_off", "NTP"),
        (AWS, {"clock_off_s": 901.0}, "refuse", "store_clock_off", "NTP"),
        (AWS, {"writing": DENIED}, "info", "store_not_tried", "roles of their own"),
        (storage(), {"writing": DENIED}, "refuse", "storage_access_denied", "grant it"),
        (AWS, {"listing": AWAY}, "refuse", "storage_tls", "set ca"),
        (AWS, {"denied": ("s3:GetBucketVersioning",)}, "info", "store_not_tried", "roles of their own"),
        (AWS, {"same_bytes": False}, "refuse", "store_changes_bytes", "gateways"),
        (AWS, {"checksums": "off"}, "refuse", "store_checksums_missing", "checksums: none"),
        (storage(checksums="none"), {}, "info", "store_checksums_unused", "checksums: sha256"),
        (AWS, {"conditions": "ignored"}, "warn", "store_conditions_ignored", "conditional_puts: false"),
        (AWS, {"conditions": "refused"}, "refuse", "store_conditions_refused", "conditional_puts: false"),
        (storage(conditional_puts=False), {}, "info", "store_conditions_unused", "conditional_puts: true"),
        (AWS, {"object_lock": "off"}, "info", "store_lock_off", "object_lock: false"),
        (AWS, {"default_lock": "governance for 7 days"}, "warn", "store_lock_default", "default retention"),
        (AWS, {"versioning": "off"}, "warn", "store_versioning_off", "versioning"),
        (AWS, {"encryption": ""}, "warn", "store_encryption_none", "encryption"),
        (AWS, {"key": "k", "key_state": "Disabled"}, "refuse", "store_key_unusable", "enable the key"),
        (AWS, {"key": "k", "key_state": "PendingDeletion"}, "refuse", "store_key_unusable", "cancel its deletion"),
        (AWS, {"key": "k", "key_state": "missing"}, "refuse", "store_key_unusable", "backups"),
        (AWS, {"public": True}, "refuse", "store_public", "every Secret"),
        (AWS, {"public_blocked": "off"}, "warn", "store_public_possible", "four settings"),
        (AWS, {"left": ("a/check/x",)}, "info", "store_probe_left", "by hand"),
    ],
)
def test_a_fact_that_hurts_has_its_finding(
    spec: StorageSpec, facts: dict[str, Any], level: str, code: str, hint: str
) -> None:
    (finding,) = found(spec, **facts)
    assert finding[:2] == (level, code)
    assert hint in finding[2]


@pytest.mark.parametrize(
    ("spec", "facts"),
    [
        (storage(checksums="none"), {"checksums": "off"}),
        (storage(conditional_puts=False), {"conditions": "ignored"}),
        (storage(object_lock=False), {"object_lock": "off"}),
        (storage(encryption={"kind": "s3"}), {"encryption": ""}),
        (storage(), {"public_blocked": "off"}),
        (AWS, {"versioning": "unknown", "object_lock": "unknown", "encryption": None, "public_blocked": "unknown"}),
        (AWS, {"checksums": "unknown", "conditions": "unknown", "key_state": "", "clock_off_s": None}),
        (AWS, {"region": "", "bucket_region": "eu-west-3"}),
    ],
)
def test_what_the_storage_says_itself_and_what_nobody_knows_is_no_finding(
    spec: StorageSpec, facts: dict[str, Any]
) -> None:
    assert [code for _, code, _ in found(spec, **facts)] == ["store_works"]


def test_locks_that_a_file_asks_for_and_a_bucket_cannot_have_are_refused() -> None:
    assert found(object_lock="off", locks=True)[0][:2] == ("refuse", "store_lock_missing")
    assert [code for _, code, _ in found(locks=True)] == ["store_works"]


def test_refusals_come_first() -> None:
    levels = [level for level, _, _ in found(left=("x",), versioning="off", public=True)]
    assert levels == ["refuse", "warn", "info"]


def test_the_reference_lists_exactly_the_codes_that_there_are_with_their_levels() -> None:
    root = Path(__file__).parents[3]
    source = (root / "layers/holdfast/src/holdfast/planning/store_findings.py").read_text()
    listed = re.findall(r"^\| `(store_[a-z_]+)` \|", (root / "docs/reference/preflight.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(set(re.findall(r'"(store_[a-z_]+)"', source)))
