"""Holds, locks and retention at each store: what is let go is gone with every version, what is kept stays whole."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from builders.kept import Control, Kept, kept
from builders.sites import Site
from holdfast.planning.naming import backup_prefix


@pytest.fixture
def four(controlled: Control, site: Site) -> tuple[Kept, list[str]]:
    """A cluster with four verified backups, the oldest first, whose rule has changed to one since."""
    keep = kept(controlled, site)
    now = datetime.now(UTC)
    outcomes = [keep.backup(now - timedelta(days=days)) for days in (4, 3, 2, 1)]
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * 4
    return keep.with_rule(keep_last=1, keep_at_least=1), [str(outcome.backup_id) for outcome in outcomes]


def reasons(keep: Kept) -> dict[str, tuple[bool, str]]:
    """What `holdfast retention plan` says of each backup."""
    ended = keep.holdfast("retention", "plan", keep.cluster)
    assert ended.code == 0, ended.stderr
    return {each["backup_id"]: (each["keep"], each["reason"]) for each in ended.value["plan"]["verdicts"]}


def test_exactly_what_the_plan_showed_goes_and_a_second_time_nothing(four: tuple[Kept, list[str]]) -> None:
    keep, ids = four
    untouched = keep.versions(backup_prefix(keep.cluster, ids[3]))
    shown = keep.holdfast("retention", "plan", keep.cluster).value
    assert [each["backup_id"] for each in shown["plan"]["verdicts"] if not each["keep"]] == ids[2::-1]
    applied = keep.holdfast("retention", "apply", keep.cluster, "--digest", shown["digest"])
    assert applied.code == 0, applied.stderr
    assert applied.value["applied"]["removed"] == ids[:3]
    for gone in ids[:3]:
        assert keep.versions(backup_prefix(keep.cluster, gone)) == []
    assert keep.versions(backup_prefix(keep.cluster, ids[3])) == untouched
    assert [entry["backup_id"] for entry in keep.listed()] == [ids[3]]
    again = keep.holdfast("retention", "apply", keep.cluster, "--digest", shown["digest"])
    assert (again.code, again.error["code"]) == (3, "retention_plan_changed")
    assert keep.holdfast("retention", "apply", keep.cluster, "--yes").value["applied"]["removed"] == []


def test_a_held_backup_stays_until_it_is_released(four: tuple[Kept, list[str]]) -> None:
    keep, ids = four
    held = keep.holdfast("backup", "hold", keep.cluster, ids[0], "--reason", "before the upgrade")
    assert held.code == 0, held.stderr
    assert held.value["without_object_lock"] == []
    assert {each["held"] for each in keep.protected(ids[0])} == {True}
    stays, why = reasons(keep)[ids[0]]
    assert stays
    assert "held" in why
    assert keep.holdfast("retention", "apply", keep.cluster, "--yes").value["applied"]["removed"] == ids[1:3]
    assert keep.holdfast("backup", "verify", keep.cluster, ids[0]).code == 0

    version = keep.client.head_object(Bucket=keep.snapshots, Key=keep.manifest_key(ids[0]))["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        keep.client.delete_object(Bucket=keep.snapshots, Key=keep.manifest_key(ids[0]), VersionId=version)

    assert keep.holdfast("backup", "unhold", keep.cluster, ids[0]).code == 0
    assert keep.holdfast("retention", "apply", keep.cluster, "--yes").value["applied"]["removed"] == [ids[0]]
    assert keep.versions(backup_prefix(keep.cluster, ids[0])) == []


def test_a_locked_backup_is_told_with_its_end_and_stays_whole(four: tuple[Kept, list[str]]) -> None:
    keep, ids = four
    until = datetime.now(UTC) + timedelta(days=2)
    for key in keep.keys_of(ids[1]):
        keep.services.locks.lock(key, "governance", until)
    before = keep.versions(backup_prefix(keep.cluster, ids[1]))
    stays, why = reasons(keep)[ids[1]]
    assert stays
    assert f"locked until {until:%Y-%m-%d}" in why
    assert keep.holdfast("retention", "apply", keep.cluster, "--yes").value["applied"]["removed"] == [ids[0], ids[2]]
    assert keep.versions(backup_prefix(keep.cluster, ids[1])) == before
    assert keep.holdfast("backup", "verify", keep.cluster, ids[1], "--no-record").code == 0


def test_a_backup_that_is_locked_after_the_plan_was_made_loses_nothing(four: tuple[Kept, list[str]]) -> None:
    keep, ids = four
    shown = keep.holdfast("retention", "plan", keep.cluster).value
    until = datetime.now(UTC) + timedelta(days=2)
    for key in keep.keys_of(ids[0]):
        keep.services.locks.lock(key, "compliance", until)
    before = keep.versions(backup_prefix(keep.cluster, ids[0]))
    keep.holdfast("retention", "apply", keep.cluster, "--digest", shown["digest"])
    assert keep.versions(backup_prefix(keep.cluster, ids[0])) == before
    assert keep.holdfast("backup", "verify", keep.cluster, ids[0], "--no-record").code == 0


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_a_cluster_whose_file_says_lock_has_every_backup_locked_from_its_seal_on(
    controlled: Control, site: Site, mode: str
) -> None:
    keep = kept(controlled, site, lock={"mode": mode, "days": 3}, retention={"keep_last": 1, "keep_at_least": 1})
    now = datetime.now(UTC)
    first, second = (str(keep.backup(now - timedelta(hours=hours)).backup_id) for hours in (2, 1))
    assert [entry["state"] for entry in keep.listed()] == ["verified", "verified"]
    for row in keep.protected(first):
        if row["key"] == keep.manifest_key(first) or row["key"].endswith("snapshot.db.zst"):
            assert row["mode"] == mode
    stays, why = reasons(keep)[first]
    assert (stays, "locked until" in why) == (True, True)
    key = keep.manifest_key(second)
    version = keep.client.head_object(Bucket=keep.snapshots, Key=key)["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        keep.client.delete_object(Bucket=keep.snapshots, Key=key, VersionId=version)
