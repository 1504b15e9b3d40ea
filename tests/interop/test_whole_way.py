"""A backup's whole way at each store: taken, listed, shown, verified, downloaded, restored; the odd ones beside it."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from builders.kept import Control, Kept, kept
from builders.sites import Site
from holdfast.local.etcd_cluster import LocalEtcd, restore_throwaway
from holdfast.storage.s3 import S3Bucket


def everything(etcd: LocalEtcd) -> list[Any]:
    return list(json.loads(etcd.etcdctl("get", "", "--prefix", "-w", "json"))["kvs"])


def test_a_backup_is_taken_listed_shown_verified_and_downloaded(keep: Kept, tmp_path: Path) -> None:
    outcome = keep.backup()
    assert outcome.status == "succeeded", outcome.error
    (entry,) = keep.listed()
    assert (entry["backup_id"], entry["state"]) == (outcome.backup_id, "verified")
    assert entry["live_keys"] > 300

    shown = keep.holdfast("backup", "show", keep.cluster, "latest").value
    kind = "sha256:" if keep.site.checksums == "sha256" else "etag:"
    assert shown["manifest"]["snapshot"]["checksum"].startswith(kind)
    assert shown["manifest"]["snapshot"]["version_id"]
    assert shown["verification"]["database"]["live_keys"] == entry["live_keys"]
    assert shown["signature"] == "valid"

    assert keep.holdfast("backup", "verify", keep.cluster, "latest").code == 0
    fetched = keep.holdfast("backup", "download", keep.cluster, "latest", str(tmp_path / "d"))
    assert fetched.code == 0, fetched.stderr
    database = Path(fetched.value["path"]).read_bytes()
    assert hashlib.sha256(database[:-32]).digest() == database[-32:]
    assert json.loads((tmp_path / "d" / "manifest.json").read_bytes()) == shown["manifest"]


def test_what_was_downloaded_restores_into_an_etcd_with_the_same_keys(
    keep: Kept, controlled: Control, tmp_path: Path
) -> None:
    assert keep.backup().status == "succeeded"
    fetched = keep.holdfast("backup", "download", keep.cluster, "latest", str(tmp_path / "d"))
    with restore_throwaway(Path(fetched.value["path"]), tmp_path / "etcd") as restored:
        assert everything(restored) == everything(controlled.etcd)


def test_a_doctored_manifest_is_refused_wherever_it_is_read(keep: Kept, tmp_path: Path) -> None:
    backup = str(keep.backup().backup_id)
    key = keep.manifest_key(backup)
    manifest = json.loads(keep.services.reader.read(key)) | {"holdfast_version": "9.9.9"}
    keep.services.writer.put(key, json.dumps(manifest).encode())
    for arguments in (("verify",), ("download",)):
        folder = (str(tmp_path / "d"),) if arguments == ("download",) else ()
        ended = keep.holdfast("backup", *arguments, keep.cluster, backup, *folder)
        assert (ended.code, ended.error["code"]) == (3, "manifest_signature_invalid")


def test_a_store_that_knows_checksums_serves_who_wants_none(controlled: Control, localstack: Site) -> None:
    keep = kept(controlled, localstack, storage={"checksums": "none", "conditional_puts": False})
    assert keep.backup().status == "succeeded"
    manifest = keep.holdfast("backup", "show", keep.cluster, "latest").value["manifest"]
    assert manifest["snapshot"]["checksum"].startswith("etag:")


def test_what_retention_lets_go_is_gone_with_every_version_and_nothing_else_is(controlled: Control, site: Site) -> None:
    keep = kept(controlled, site, retention={"keep_last": 2, "keep_at_least": 1})
    rules = {"Rules": [{"ID": "theirs", "Filter": {"Prefix": "logs/"}, "Status": "Enabled", "Expiration": {"Days": 9}}]}
    keep.client.put_bucket_lifecycle_configuration(Bucket=keep.snapshots, LifecycleConfiguration=rules)
    foreign = [f"{keep.cluster}-2/20200101T000000Z-r-000000/manifest.json", f"{keep.cluster}/notes.txt", "elsewhere"]
    for key in foreign:
        S3Bucket(keep.client, keep.snapshots, checksums=site.checksums).put(key, b"not ours")

    now = datetime.now(UTC)
    outcomes = [keep.backup(now - timedelta(days=days)) for days in (4, 3, 2, 1)]
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * 4
    ids = [str(outcome.backup_id) for outcome in outcomes]
    assert [entry["backup_id"] for entry in keep.listed()] == [ids[3], ids[2]]
    left = keep.versions("")
    for gone in ids[:2]:
        assert [key for key in left if gone in key and "/runs/" not in key] == []
    assert set(foreign) <= set(keep.stored())
    kept_rules = keep.client.get_bucket_lifecycle_configuration(Bucket=keep.snapshots)["Rules"]
    assert [rule["ID"] for rule in kept_rules] == ["theirs"]


def test_what_a_run_that_died_has_left_is_swept_by_the_next_one(keep: Kept) -> None:
    died = f"{keep.cluster}/20261120T154300Z-r-1a2b3c/snapshot.db.zst"
    upload = keep.services.writer.start_upload(died)
    upload.part(1, b"x" * 5_000_000)
    other = keep.client.create_multipart_upload(Bucket=keep.snapshots, Key="somebody/else")["UploadId"]
    assert sorted(keep.unfinished()) == sorted([died, "somebody/else"])
    assert keep.backup().status == "succeeded"
    assert keep.unfinished() == ["somebody/else"]
    keep.client.abort_multipart_upload(Bucket=keep.snapshots, Key="somebody/else", UploadId=other)


def test_a_second_run_of_the_same_moment_overwrites_nothing(keep: Kept) -> None:
    moment = datetime.now(UTC) - timedelta(hours=1)
    first, second = keep.backup(moment), keep.backup(moment)
    assert first.status == "succeeded"
    assert second.error
    assert second.error.code == "backup_exists"
    assert [entry["state"] for entry in keep.listed()] == ["verified"]
    assert keep.holdfast("backup", "verify", keep.cluster, "latest").code == 0
