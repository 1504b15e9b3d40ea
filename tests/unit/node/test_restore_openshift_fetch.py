"""The pair that the vendor's script is given: fetched through a real S3 server, checked, and alone in its directory."""

import gzip
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders.node_snapshot import presigned
from builders.openshift_restore_host import BUNDLE, COMPONENTS, SNAPSHOT, OpenShiftNode, archive, snapshot


@pytest.fixture(params=["dash", "busybox"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> OpenShiftNode:
    return OpenShiftNode(tmp_path / "host", request.param)


@dataclass
class Stored:
    client: Any
    bucket: str

    def put(self, body: bytes) -> str:
        self.client.put_object(Bucket=self.bucket, Key="object", Body=body)
        return presigned(self.client, "get_object", Bucket=self.bucket, Key="object")


@pytest.fixture
def stored(client: Any, bucket: str) -> Stored:
    return Stored(client, bucket)


def packed(compression: str) -> bytes:
    if compression == "gzip":
        return gzip.compress(snapshot())
    return subprocess.run(["zstd", "-q", "-c"], input=snapshot(), capture_output=True, check=True, timeout=60).stdout


def of_snapshot(compression: str = "zstd") -> dict[str, str]:
    return {"sha256": hashlib.sha256(snapshot()[:-32]).hexdigest(), "compression": compression}


def of_archive(body: bytes) -> dict[str, str]:
    return {"bundle_sha256": hashlib.sha256(body).hexdigest()}


def there(host: OpenShiftNode) -> list[str]:
    return sorted(path.name for path in host.folder.glob("stage*/*"))


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_the_pair_arrives_under_the_vendors_names_and_nothing_else(
    host: OpenShiftNode, stored: Stored, compression: str
) -> None:
    url = {"snapshot_url": stored.put(packed(compression))}
    assert host.done("fetch", url, **of_snapshot(compression)) == {"bytes": len(snapshot())}
    body = archive()
    assert host.done("fetch_bundle", {"bundle_url": stored.put(body)}, **of_archive(body)) == {"files": 8}
    assert there(host) == [SNAPSHOT, BUNDLE]
    assert ((host.stage / SNAPSHOT).read_bytes(), (host.stage / BUNDLE).read_bytes()) == (snapshot(), body)
    assert {path.stat().st_mode & 0o777 for path in (host.stage, *host.stage.iterdir())} == {0o700, 0o600}


def test_what_is_there_and_sound_is_not_fetched_again(host: OpenShiftNode) -> None:
    pair, body = host.has_pair(), archive()
    (host.stage / BUNDLE).write_bytes(body)
    nowhere = "http://127.0.0.1:1/object"
    assert host.done("fetch", {"snapshot_url": nowhere}, **pair) == {"bytes": len(snapshot())}
    assert host.done("fetch_bundle", {"bundle_url": nowhere}, **of_archive(body)) == {"files": 8}


def test_another_database_is_not_kept(host: OpenShiftNode, stored: Stored) -> None:
    cut = subprocess.run(["zstd", "-q", "-c"], input=snapshot()[:-40], capture_output=True, check=True).stdout
    assert host.run("fetch", {"snapshot_url": stored.put(cut)}, **of_snapshot()).code == "restore_snapshot_differs"
    assert there(host) == []


def test_another_archive_is_not_kept(host: OpenShiftNode, stored: Stored) -> None:
    host.has_pair()
    (host.stage / BUNDLE).unlink()
    url = {"bundle_url": stored.put(archive())}
    assert host.run("fetch_bundle", url, **of_archive(b"another")).code == "restore_bundle_differs"
    assert there(host) == [SNAPSHOT]


@pytest.mark.parametrize("lost", COMPONENTS)
def test_an_archive_without_a_component_is_found_before_anything_stops(
    host: OpenShiftNode, stored: Stored, lost: str
) -> None:
    host.has_pair()
    body = archive(without=lost)
    url = {"bundle_url": stored.put(body)}
    ended = host.run("fetch_bundle", url, **of_archive(body))
    assert (ended.code, lost in ended.report["message"]) == ("restore_bundle_differs", True)


def test_what_is_no_archive_is_not_believed_by_its_hash(host: OpenShiftNode, stored: Stored) -> None:
    host.has_pair()
    body = b"no archive"
    ended = host.run("fetch_bundle", {"bundle_url": stored.put(body)}, **of_archive(body))
    assert ended.code == "restore_bundle_differs"


@pytest.mark.parametrize("name", ["snapshot_2027-01-01_000000.db", "static_kuberesources_old.tar.gz", ".hidden"])
def test_a_directory_with_more_than_the_pair_is_refused(host: OpenShiftNode, stored: Stored, name: str) -> None:
    host.has_pair()
    (host.stage / name).write_text("")
    body = archive()
    ended = host.run("fetch_bundle", {"bundle_url": stored.put(body)}, **of_archive(body))
    assert (ended.code, name in ended.report["message"]) == ("openshift_pair_ambiguous", True)


def test_no_url_is_seen_and_a_refusal_has_the_name_of_a_download(host: OpenShiftNode, stored: Stored) -> None:
    url = stored.put(packed("zstd"))
    stored.client.delete_object(Bucket=stored.bucket, Key="object")
    ended = host.run("fetch", {"snapshot_url": url}, **of_snapshot())
    assert ended.code == "download_gone"
    assert "Signature" not in f"{ended.report}{ended.stderr}"


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(host: OpenShiftNode) -> None:
    host.stubs = {"df": 'echo header; echo "disk 100 99 1 99% /"'}
    nowhere = {"snapshot_url": "http://127.0.0.1:1/object"}
    assert host.run("fetch", nowhere, raw_size="4096", **of_snapshot()).code == "restore_disk_full"
